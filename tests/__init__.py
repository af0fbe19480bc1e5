"""The tests of tokmill; README.md beside this file is the map."""
