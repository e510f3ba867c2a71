//! The command line, made from the table of keys.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use super::keys::Settings;
use super::namespace_keys::NamespaceSettings;
use super::table::Key;
use super::value::Form;

/// What the command line said.
#[derive(Debug)]
pub(crate) struct CommandLine {
    /// `--check-config`.
    pub check_only: bool,
    /// `engine check` or `engine create`.
    pub engine: Option<EngineTask>,
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// The other flags by the name of their key; items of a list joined with commas.
    pub values: BTreeMap<&'static str, String>,
}

/// What is done at the engine instead of starting the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EngineTask {
    /// Look at the streams.
    Check,
    /// Make those that are missing.
    Create,
}

/// Reads the arguments, the program's name first.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<CommandLine, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let values = Settings::KEYS.iter().filter_map(|key| {
        let given: Vec<&str> = matches.get_many::<String>(key.name)?.map(String::as_str).collect();
        Some((key.name, given.join(",")))
    });
    Ok(CommandLine {
        check_only: matches.get_flag(CHECK),
        engine: engine_task(&matches),
        file: matches.get_one::<PathBuf>(FILE).cloned(),
        values: values.collect(),
    })
}

/// The whole command with its help.
pub(crate) fn command() -> Command {
    Command::new("switchboard")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!("{ABOUT}\n\n{START}"))
        .after_long_help(spelling())
        .max_term_width(100)
        .arg(
            Arg::new(FILE)
                .long(FILE)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("Read this TOML file; without it none is read"),
        )
        .arg(
            Arg::new(CHECK)
                .long(CHECK)
                .action(ArgAction::SetTrue)
                .help("Print every value in force, where it came from and what it means, and exit"),
        )
        .args(Settings::KEYS.iter().map(argument))
        .subcommand(engine())
}

fn engine() -> Command {
    Command::new(ENGINE)
        .about("Look at the streams of the engine, or make them")
        .subcommand_required(true)
        .subcommand(
            Command::new(ENGINE_CHECK)
                .about("Say of each stream whether it is there and as it must be; 69 if not"),
        )
        .subcommand(
            Command::new(ENGINE_CREATE)
                .about("Make the streams that are missing; those that are there are not touched"),
        )
}

fn engine_task(matches: &ArgMatches) -> Option<EngineTask> {
    match matches.subcommand_matches(ENGINE)?.subcommand_name()? {
        ENGINE_CREATE => Some(EngineTask::Create),
        _ => Some(EngineTask::Check),
    }
}

const ENGINE: &str = "engine";
const ENGINE_CHECK: &str = "check";
const ENGINE_CREATE: &str = "create";

const FILE: &str = "config";
const CHECK: &str = "check-config";

const ABOUT: &str = "A push server: clients hold one connection open, a backend publishes a message \
                     once, and every subscriber receives it.";

const START: &str = "Started without any option it serves clients of this machine on port 8000 \
                     (--listen opens it to others) and backends on 127.0.0.1:8001.\n\n  Listen:   open http://localhost:8000/ in a browser, or \
                     ws://localhost:8000/sub/demo:lobby\n  Publish:  curl -d hello \
                     http://127.0.0.1:8001/pub/demo:lobby";

/// How keys are spelt, and what the exit codes mean.
fn spelling() -> String {
    let keys: Vec<&str> = NamespaceSettings::KEYS.iter().map(|key| key.name).collect();
    format!(
        "Every option above but --config and --check-config is also a key of the file and an \
         environment variable, in the same spelling: --internal-listen is internal_listen = \
         \"...\" and SWITCHBOARD_INTERNAL_LISTEN. A flag wins over the environment, the \
         environment over the file. Only the file has tables: [namespace.NAME] with the keys {}; \
         [namespace.default] holds for all other channels; --check-config explains them.\n\n\
         Exit codes: 0 stopped as asked, 64 wrong configuration, 69 what was asked for is not \
         available (a port, io_uring), 71 the system refused something.",
        keys.join(", ")
    )
}

fn argument(key: &'static Key) -> Arg {
    let first = key.explanation.split_inclusive(". ").next().unwrap_or(key.explanation);
    let default = (key.default)().map(|value| plain(&value)).filter(|value| !value.is_empty());
    let default = default.map_or(String::new(), |value| format!(" [default: {value}]"));
    let argument = Arg::new(key.name)
        .long(key.flag())
        .value_name(key.placeholder())
        .help_heading(key.topic)
        .help(format!("{}{default}", first.trim_end().trim_end_matches('.')))
        .long_help(format!("{}{default}", key.explanation));
    match key.form {
        Form::List => argument.action(ArgAction::Append),
        Form::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Form::Number | Form::Text | Form::Word | Form::Secrets | Form::Headers => argument,
    }
}

/// A value of the file as a flag would say it.
fn plain(value: &str) -> String {
    let items = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
    items.unwrap_or(value).replace('"', "").replace(", ", ",")
}
