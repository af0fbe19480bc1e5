// What the bindings of hypertokens and of chains share: sequences of both profiles, with their books.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "bindings/id_sequences.hpp"

namespace tokmill::bindings {

// The entries of a book: phrases padded with -1, [rows, width], and their lengths (0: no entry).
template <class Book>
py::tuple book_arrays(const Book& book, std::int32_t width) {
    const std::size_t rows = book.row_end();
    const auto most = static_cast<std::size_t>(width);
    py::array_t<std::int32_t> phrases({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(most)});
    py::array_t<std::uint8_t> lengths(static_cast<py::ssize_t>(rows));
    std::int32_t* out = phrases.mutable_data();
    std::fill_n(out, rows * most, -1);
    for (std::size_t row = 0; row < rows; ++row)
        lengths.mutable_data()[row] = static_cast<std::uint8_t>(book.phrase(row, out + row * most));
    return py::make_tuple(phrases, lengths);
}

inline const condensed::HypertokenRules& rules_of_book(const condensed::HypertokenRules& rules) noexcept { return rules; }
inline const condensed::HypertokenRules& rules_of_book(const condensed::ChainRules& rules) noexcept { return rules.second(); }

template <class Zip2zip, class Lru>
class HypertokenSequences : public IdSequences<Zip2zip, Lru> {
public:
    using Rules = typename Zip2zip::Rules;

    HypertokenSequences(const py::object& rules, std::size_t sequences, std::size_t max_rewind)
        : IdSequences<Zip2zip, Lru>(rules, made(rules.cast<const Rules&>(), sequences, max_rewind)),
          width_(rules_of_book(rules.cast<const Rules&>()).max_subtokens()) {}

    py::tuple book(std::size_t sequence) {
        return this->with([&](auto& all) { return book_arrays(all[this->check(sequence, all.size())].machine().book(), width_); });
    }
    py::array_t<std::int32_t> installed() {
        return this->of_each([](auto& one) { return one.machine().book().count(); });
    }

private:
    static typename IdSequences<Zip2zip, Lru>::All made(const Rules& rules, std::size_t sequences, std::size_t max_rewind) {
        if (rules.profile() == condensed::Profile::lru) return std::make_unique<Lru>(rules, sequences, max_rewind);
        return std::make_unique<Zip2zip>(rules, sequences, max_rewind);
    }

    std::int32_t width_;
};

template <class Zip2zip, class Lru>
class HypertokenDecoder : public HypertokenSequences<Zip2zip, Lru> {
public:
    HypertokenDecoder(const py::object& rules, std::size_t sequences, std::size_t max_rewind, bool strict)
        : HypertokenSequences<Zip2zip, Lru>(rules, sequences, max_rewind),
          reading_(strict ? condensed::Reading::strict : condensed::Reading::lenient) {}

    py::object step(const py::object& ids_object, const py::object& out) {
        const Int32Ids ids(ids_object.ptr());
        return this->with([&](auto& all) {
            this->check_count("step", ids.view().size(), all.size());
            StepArray array(out, all.size(), static_cast<std::size_t>(all.rules().max_subtokens()));
            all.step(ids.view(), reading_, array.data());
            return array.array();
        });
    }
    py::array_t<std::int32_t> extend(std::size_t sequence, const py::object& ids_object) {
        const Int32Ids ids(ids_object.ptr());
        return this->with([&](auto& all) {
            std::vector<std::int32_t> out;
            all.extend(this->check(sequence, all.size()), ids.view(), reading_, out);
            return to_array(out);
        });
    }
    void finish(std::size_t sequence) {
        this->with([&](auto& all) { all.finish(this->check(sequence, all.size())); });
    }
    py::array_t<std::int32_t> last_rows() {
        return this->of_each([](auto& one) { return one.machine().last_row(); });
    }

private:
    condensed::Reading reading_;
};

template <class Class>
void bind_books(py::class_<Class>& bound) {
    bound
        .def("book", &Class::book, py::arg("sequence") = 0,
             "The entries so far: phrases int32 [rows, max_subtokens] padded with -1, lengths uint8 [rows] (0: no entry).")
        .def_property_readonly("installed", &Class::installed, "Entries of each book, int32 [sequences].");
}

template <class Class>
void bind_last_rows(py::class_<Class>& bound) {
    bound.def_property_readonly("last_rows", &Class::last_rows,
                                "The row of the book that each sequence's last id has installed, -1 for none: int32 [sequences].");
}

}  // namespace tokmill::bindings
