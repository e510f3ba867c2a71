#!/usr/bin/env python3
"""Tests of check_structure.py, over small crates in a temporary folder."""

import pathlib
import tempfile
import unittest

import check_structure


class CheckStructureTest(unittest.TestCase):
    def lines(self, files: dict[str, str]) -> list[str]:
        """What is said of a crate with these files."""
        with tempfile.TemporaryDirectory() as folder:
            crate = pathlib.Path(folder).resolve()
            for name, text in files.items():
                file = crate / "src" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            return [line.replace(f"{crate}/src/", "") for line in check_structure.check(crate)]

    def assert_circle(self, files: dict[str, str], *lines: str) -> None:
        self.assertEqual(self.lines(files), list(lines))

    def test_two_files_that_import_each_other_are_named_with_their_lines(self):
        self.assert_circle(
            {
                "lib.rs": "mod a;\nmod b;\n",
                "a.rs": "use std::fmt;\n\nuse crate::b::B;\npub struct A(B);\n",
                "b.rs": "use super::{\n    a::A,\n};\npub struct B(Box<A>);\n",
            },
            "a circle of 2 files: a.rs, b.rs",
            "  a.rs:3: crate::b::B -> b.rs",
            "  b.rs:1: super::a::A -> a.rs",
        )

    def test_a_name_that_is_passed_on_ties_to_the_file_that_defines_it(self):
        self.assert_circle(
            {
                "lib.rs": "mod a;\nmod deep;\npub use deep::B;\n",
                "a.rs": "use crate::B as Other;\npub struct A(Other);\n",
                "deep/mod.rs": "mod b;\npub use b::*;\n",
                "deep/b.rs": "pub struct B;\nfn f() { crate::a::A::new() }\n",
            },
            "a circle of 2 files: a.rs, deep/b.rs",
            "  a.rs:1: crate::B -> deep/b.rs",
            "  deep/b.rs:2: crate::a::A::new -> a.rs",
        )

    def test_a_child_that_needs_its_parent_may_not_be_needed_by_it(self):
        child = "use super::A;\npub struct B(A);\n"
        passed_on = {"lib.rs": "mod b;\npub use b::B;\npub struct A;\n", "b.rs": child}
        self.assert_circle(passed_on)
        same_name = {"lib.rs": "mod b;\npub use b::b;\npub struct A;\n", "b.rs": child}
        self.assert_circle(same_name)
        needed = {"lib.rs": "mod b;\nuse b::B;\npub struct A(Box<B>);\n", "b.rs": child}
        self.assert_circle(
            needed,
            "a circle of 2 files: b.rs, lib.rs",
            "  b.rs:1: super::A -> lib.rs",
            "  lib.rs:2: b::B -> b.rs",
        )

    def test_a_path_without_a_use_declaration_counts(self):
        self.assert_circle(
            {
                "main.rs": "mod a;\nmod b;\nfn main() { a::run() }\n",
                "a.rs": "pub fn run() { crate::b::help() }\n",
                "b.rs": "pub fn help() -> super::a::Done { todo!() }\n",
            },
            "a circle of 2 files: a.rs, b.rs",
            "  a.rs:1: crate::b::help -> b.rs",
            "  b.rs:1: super::a::Done -> a.rs",
        )

    def test_tests_comments_and_texts_do_not_count(self):
        self.assert_circle(
            {
                "lib.rs": "mod a;\nmod b;\n#[cfg(test)]\nmod tests;\n",
                "a.rs": "use crate::b::B;\npub struct A(B);\n",
                "b.rs": (
                    "// use crate::a::A;\n/* use crate::a::A; */\n"
                    'pub struct B;\nconst TEXT: &str = "crate::a::A";\n'
                    "#[cfg(test)]\nuse crate::a::A;\n"
                    "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n    fn f() { A::x() }\n}\n"
                ),
                "tests.rs": "use crate::a::A;\n",
            }
        )

    def test_each_program_of_a_crate_is_read(self):
        said = self.lines(
            {
                "lib.rs": "",
                "bin/tool/main.rs": "mod a;\nmod b;\nfn main() {}\n",
                "bin/tool/a.rs": "use crate::b::B;\npub struct A(B);\n",
                "bin/tool/b.rs": "use crate::a::A;\npub struct B(Box<A>);\n",
            }
        )
        self.assertEqual(said[0], "a circle of 2 files: bin/tool/a.rs, bin/tool/b.rs")


if __name__ == "__main__":
    unittest.main()
