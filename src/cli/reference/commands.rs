//! The command line, from clap's own definition.

use clap::{Arg, ArgAction, Command, CommandFactory, Id};

use super::Page;
use super::table::{Table, code};
use crate::cli::Cli;

pub(super) fn page() -> Page {
    let mut command = Cli::command();
    command.build();
    let mut body = String::new();
    for command in shown(&command) {
        sections(command, command.get_name(), &[], &mut body);
    }
    Page {
        file: "command-line.md".to_owned(),
        title: "Command line".to_owned(),
        about: "Commands of `jumpcloud-operator`, with every flag. Durations are written `90s` or `1h30m`."
            .to_owned(),
        body: body.trim_start().to_owned(),
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
}

/// The section of a command, and those of its own commands. `inherited` flags stand above already.
fn sections(command: &Command, name: &str, inherited: &[&Id], body: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut table = Table::new(&["argument", "variable", "default", "meaning"]);
    let own = |arg: &&Arg| !arg.is_hide_set() && arg.get_id() != "help" && !inherited.contains(&arg.get_id());
    for arg in command.get_arguments().filter(own) {
        let env = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
        table.row([code(&written(arg)), env, default(arg), meaning(arg)]);
    }
    let about = if about.ends_with('.') { about } else { about + "." };
    body.push_str(&format!("\n## {name}\n\n{about}\n\n{table}"));
    let global = command.get_arguments().filter(|arg| arg.is_global_set()).map(Arg::get_id);
    let inherited: Vec<&Id> = inherited.iter().copied().chain(global).collect();
    for inner in shown(command) {
        sections(inner, &format!("{name} {}", inner.get_name()), &inherited, body);
    }
}

fn written(arg: &Arg) -> String {
    let many = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let value = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
    match arg.get_long() {
        None => format!(
            "{value}{}",
            if many || matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" }
        ),
        // clap's own name for the value repeats the flag.
        Some(long) if !arg.get_action().takes_values() || value.to_lowercase().replace('_', "-") == long => {
            format!("--{long}")
        }
        Some(long) => format!("--{long} {value}"),
    }
}

fn default(arg: &Arg) -> String {
    if arg.is_required_set() {
        return "required".to_owned();
    }
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    code(&values.join(","))
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if !text.ends_with('.') {
        text.push('.');
    }
    let words: Vec<String> = arg.get_possible_values().iter().map(|value| code(value.get_name())).collect();
    if !words.is_empty() && arg.get_action().takes_values() {
        text.push_str(&format!(" One of {}.", words.join(", ")));
    }
    if let Some(delimiter) = arg.get_value_delimiter() {
        text.push_str(&format!(" Several in the variable are separated by `{delimiter}`."));
    }
    text
}
