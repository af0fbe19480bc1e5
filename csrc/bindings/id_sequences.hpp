// What the bindings of writers and readers of many sequences share: the house's protocol over one of several kinds of sequences. Calls
// from several threads wait for one another.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/python.hpp"
#include "condensed/condensed.hpp"

namespace tokmill::bindings {

// What a step gives for each sequence: a row of an int32 array, -1 where nothing is.
class StepArray {
public:
    StepArray(const py::object& out, std::size_t rows, std::size_t columns) {
        if (out.is_none()) {
            array_ = py::array_t<std::int32_t>({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
        } else {
            const bool is_array = py::isinstance<py::array_t<std::int32_t, py::array::c_style>>(out);
            if (is_array) array_ = py::reinterpret_borrow<py::array>(out);
            if (!is_array || array_.ndim() != 2 || static_cast<std::size_t>(array_.shape(0)) != rows ||
                static_cast<std::size_t>(array_.shape(1)) != columns || !array_.writeable())
                throw Error(ErrorKind::value, "out= is a contiguous, writeable int32 array of shape [" + std::to_string(rows) + ", " +
                                                  std::to_string(columns) + "]");
        }
    }
    std::int32_t* data() { return static_cast<std::int32_t*>(array_.mutable_data()); }
    py::object array() { return std::move(array_); }

private:
    py::array array_;
};

template <class... Kinds>
class IdSequences {
public:
    using All = std::variant<std::unique_ptr<Kinds>...>;

    // What the sequences go by has to live as long as they do: `rules` keeps it.
    IdSequences(py::object rules, All all) : rules_(std::move(rules)), all_(std::move(all)) {}

    std::size_t sequences() {
        return with([](auto& all) { return all.size(); });
    }
    void add(std::size_t count) {
        with([&](auto& all) { all.add(count); });
    }
    std::size_t fork(std::size_t sequence) {
        return with([&](auto& all) { return all.fork(check(sequence, all.size())); });
    }
    void reorder(const std::vector<std::size_t>& sources) {
        with([&](auto& all) {
            for (const std::size_t source : sources) check(source, all.size());
            all.reorder(sources);
        });
    }
    void drop(const std::vector<std::size_t>& sequences) {
        with([&](auto& all) {
            for (const std::size_t sequence : sequences) check(sequence, all.size());
            all.drop(sequences);
        });
    }
    void rewind(const py::object& counts) {
        with([&](auto& all) {
            using One = std::remove_cvref_t<decltype(all[0])>;
            all.rewind(rewind_argument(counts.ptr(), One::kSteps, all.size()));
        });
    }
    py::array_t<std::int64_t> base_counts() {
        return with([&](auto& all) {
            py::array_t<std::int64_t> counts(static_cast<py::ssize_t>(all.size()));
            for (std::size_t i = 0; i < all.size(); ++i) counts.mutable_data()[i] = static_cast<std::int64_t>(all[i].base_count());
            return counts;
        });
    }

protected:
    static std::size_t check(std::size_t sequence, std::size_t sequences) {
        if (sequence < sequences) return sequence;
        throw Error(ErrorKind::value, "there is no sequence " + std::to_string(sequence) + "; there are " + std::to_string(sequences));
    }
    static void check_count(const char* call, std::size_t given, std::size_t sequences) {
        if (given != sequences)
            throw Error(ErrorKind::value, std::string(call) + "() takes one number a sequence: " + std::to_string(sequences) + ", not " +
                                              std::to_string(given));
    }
    template <class Function>
    auto with(Function&& function) {
        std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (!lock.owns_lock()) {
            const py::gil_scoped_release unlocked;
            lock.lock();
        }
        return std::visit([&](auto& all) { return function(*all); }, all_);
    }
    // A number of each sequence.
    template <class Number>
    py::array_t<std::int32_t> of_each(const Number& number) {
        return with([&](auto& all) {
            std::vector<std::int32_t> numbers;
            for (std::size_t i = 0; i < all.size(); ++i) numbers.push_back(static_cast<std::int32_t>(number(all[i])));
            return to_array(numbers);
        });
    }

private:
    py::object rules_;
    All all_;
    std::mutex mutex_;
};

// Base ids go in, condensed ids come out.
template <class Sequences>
class IdEncoder : public Sequences {
public:
    using Sequences::Sequences;

    py::object step(const py::object& ids_object, const py::object& out) {
        const Int32Ids ids(ids_object.ptr());
        return this->with([&](auto& all) {
            this->check_count("step", ids.view().size(), all.size());
            StepArray array(out, all.size(), all.most_ids_a_step());
            all.step(ids.view(), array.data());
            return array.array();
        });
    }
    py::array_t<std::int32_t> extend(std::size_t sequence, const py::object& ids_object) {
        const Int32Ids ids(ids_object.ptr());
        return this->with([&](auto& all) {
            std::vector<std::int32_t> out;
            all.extend(this->check(sequence, all.size()), ids.view(), out);
            return to_array(out);
        });
    }
    py::array_t<std::int32_t> finish(std::size_t sequence) {
        return this->with([&](auto& all) { return to_array(all.finish(this->check(sequence, all.size()))); });
    }
    py::array_t<std::int32_t> pending() {
        return this->of_each([](auto& one) { return one.machine().pending(); });
    }
};

template <class Class>
void bind_sequences(py::class_<Class>& bound, const char* steps) {
    const std::string rewind = std::string("Takes back the last ") + steps + ": as many of each sequence, or one number each.";
    bound.def("rewind", &Class::rewind, py::arg(steps), rewind.c_str())
        .def("reorder", &Class::reorder, py::arg("sources"), "Sequence i becomes a copy of old sequence sources[i].")
        .def("fork", &Class::fork, py::arg("sequence"), "Adds a copy of a sequence; its number.")
        .def("add", &Class::add, py::arg("count") = 1, "Adds fresh sequences.")
        .def("drop", &Class::drop, py::arg("sequences"), "Removes sequences; those behind move up.")
        .def_property_readonly("base_counts", &Class::base_counts, "Base ids of each sequence so far, int64 [sequences].")
        .def_property_readonly("sequences", &Class::sequences, "How many sequences there are.");
}

// Sequences of which one id a step goes in.
template <class Class>
void bind_protocol(py::class_<Class>& bound) {
    bound.def("step", &Class::step, py::arg("ids"), py::arg("out") = py::none())
        .def("extend", &Class::extend, py::arg("sequence"), py::arg("ids"))
        .def("finish", &Class::finish, py::arg("sequence") = 0);
    bind_sequences(bound, "ids");
}

template <class Class>
void bind_pending(py::class_<Class>& bound) {
    bound.def_property_readonly("pending", &Class::pending, "Base ids of each sequence that are held back, int32 [sequences].");
}

}  // namespace tokmill::bindings
