//! Writes a configuration as TOML, each key with its documentation: what `check` prints.

use std::fmt::Write;

use super::Config;
use super::defs::DEFINITIONS;

/// Comment lines are filled to this width.
const WIDTH: usize = 92;

/// The whole of `config` as a TOML file, which [`super::load`] reads back to the same values.
pub fn render(config: &Config) -> String {
    let mut out = String::from("# ringferry: the effective configuration, with every key.\n");
    for definition in DEFINITIONS {
        out.push('\n');
        comment(&mut out, definition.doc);
        comment(&mut out, &format!("Allowed: {}.", definition.place.allowed()));
        if let Some(names) = definition.place.effective(config) {
            comment(&mut out, &format!("In effect: {}.", names.join(", ")));
        }
        let _ = writeln!(out, "{} = {}", definition.key, definition.place.show(config));
    }
    out
}

/// One line a key with its default, for `serve --help`.
pub fn key_table() -> String {
    let mut out = String::new();
    for definition in DEFINITIONS {
        let mut config = Config::default();
        let applied = definition.place.apply(&mut config, &(definition.default)());
        let default = applied.map_or(String::new(), |()| definition.place.show(&config));
        let default = if default.len() > 48 { "see `ringferry check`".to_owned() } else { default };
        let _ = writeln!(out, "  {:<28} default: {default}", definition.key);
    }
    out
}

fn comment(out: &mut String, text: &str) {
    let mut width = WIDTH;
    for word in text.split_whitespace() {
        if width + 1 + word.len() > WIDTH {
            if !out.ends_with('\n') {
                out.push('\n');
            }
            out.push('#');
            width = 1;
        }
        out.push(' ');
        out.push_str(word);
        width += 1 + word.len();
    }
    out.push('\n');
}
