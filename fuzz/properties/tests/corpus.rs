//! Every seed and every former finding of the fuzz targets, on the stable toolchain.

#![allow(clippy::unwrap_used)] // a test says what it missed by panicking

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use switchboard_properties::ALL;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files of a folder in the order of their names; none where there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).iter().map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_seed_and_every_former_finding_keeps_its_property() {
    let mut broken = Vec::new();
    for property in ALL {
        let seeds = files(&root().join("corpus").join(property.name));
        assert!(!seeds.is_empty(), "{} has no seeds", property.name);
        for file in seeds.into_iter().chain(files(&root().join("findings").join(property.name))) {
            let bytes = fs::read(&file).unwrap();
            // All of them are named, not the first alone.
            if catch_unwind(|| (property.check)(&bytes)).is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn seeds_are_few_and_small() {
    for property in ALL {
        let seeds = files(&root().join("corpus").join(property.name));
        assert!(seeds.len() <= 60, "{}: {} seeds", property.name, seeds.len());
        for file in seeds {
            assert!(fs::metadata(&file).unwrap().len() <= 8 << 10, "{}", file.display());
        }
    }
}

#[test]
fn every_property_has_a_target_a_folder_and_a_row_in_the_documentation() {
    let mut expected: Vec<String> = ALL.iter().map(|it| it.name.to_owned()).collect();
    expected.sort();
    assert_eq!(names(&root().join("targets/targets")), expected);
    assert_eq!(names(&root().join("corpus")), expected);
    assert!(names(&root().join("findings")).iter().all(|name| expected.contains(name)));
    let document = fs::read_to_string(root().join("../docs/fuzzing.md")).unwrap();
    let manifest = fs::read_to_string(root().join("targets/Cargo.toml")).unwrap();
    for name in expected {
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not in docs/fuzzing.md");
        assert!(manifest.contains(&format!("\"{name}\"")), "{name} is not in targets/Cargo.toml");
    }
}
