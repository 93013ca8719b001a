//! `per_source_penalties`: from texts such as `authfail:5s` to rules.

use super::read;
use crate::auth::limits::PENALISED_SOURCES_MAX;
use crate::auth::{Overflow, PenaltyRules};

/// The whole list in one word: no penalties at all.
const OFF: &str = "no";

/// What the texts say. What they do not name stays what it is by default; of two that name the same
/// the last one counts. `None` where penalties are off.
pub(crate) fn penalty_rules(texts: &[String]) -> Result<Option<PenaltyRules>, String> {
    if let [only] = texts
        && only == OFF
    {
        return Ok(None);
    }
    let mut rules = PenaltyRules::default();
    for text in texts {
        set(&mut rules, text)?;
    }
    Ok(Some(rules))
}

/// Whether one text can stand in the list.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text == OFF { Ok(()) } else { set(&mut PenaltyRules::default(), text) }
}

/// What stands there when nobody sets it: each name with its default.
pub(super) fn defaults() -> Vec<String> {
    let rules = PenaltyRules::default();
    let seconds = |name: &str, millis: u64| format!("{name}:{}s", millis / 1000);
    vec![
        seconds("crash", rules.crash_ms),
        seconds("authfail", rules.authfail_ms),
        seconds("invaliduser", rules.invaliduser_ms),
        seconds("grace-exceeded", rules.grace_exceeded_ms),
        seconds("noauth", rules.noauth_ms),
        seconds("refuseconnection", rules.refuseconnection_ms),
        seconds("min", rules.min_ms),
        seconds("max", rules.max_ms),
        format!("max-sources4:{}", rules.sources4_max),
        format!("max-sources6:{}", rules.sources6_max),
        "overflow:permissive".to_owned(),
        "overflow6:permissive".to_owned(),
    ]
}

fn set(rules: &mut PenaltyRules, text: &str) -> Result<(), String> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let time_at = match name {
        "crash" => &mut rules.crash_ms,
        "authfail" => &mut rules.authfail_ms,
        "invaliduser" => &mut rules.invaliduser_ms,
        "grace-exceeded" => &mut rules.grace_exceeded_ms,
        "noauth" => &mut rules.noauth_ms,
        "refuseconnection" => &mut rules.refuseconnection_ms,
        "min" => &mut rules.min_ms,
        "max" => &mut rules.max_ms,
        "max-sources4" => return sources(value).map(|count| rules.sources4_max = count),
        "max-sources6" => return sources(value).map(|count| rules.sources6_max = count),
        "overflow" => return overflow(value).map(|mode| rules.overflow4 = mode),
        "overflow6" => return overflow(value).map(|mode| rules.overflow6 = mode),
        OFF => return Err(format!("{OFF} stands for the whole list, alone")),
        _ => return Err(format!("{text:?} names no penalty")),
    };
    let seconds = read::seconds(value).filter(|seconds| *seconds <= super::defs::WEEK);
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not {name} and a time up to 1w"))?;
    *time_at = seconds * 1000;
    Ok(())
}

fn sources(value: &str) -> Result<usize, String> {
    let count = read::plain_digits(value).and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (1..=PENALISED_SOURCES_MAX).contains(count)).ok_or_else(|| {
        format!("{value:?} is not a number of sources up to {PENALISED_SOURCES_MAX}")
    })
}

fn overflow(value: &str) -> Result<Overflow, String> {
    match value {
        "permissive" => Ok(Overflow::Permissive),
        "deny-all" => Ok(Overflow::DenyAll),
        _ => Err(format!("{value:?} is neither permissive nor deny-all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Result<Option<PenaltyRules>, String> {
        penalty_rules(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_shown_as_the_default_is_the_default() {
        assert_eq!(penalty_rules(&defaults()), Ok(Some(PenaltyRules::default())));
        assert_eq!(rules(&[]), Ok(Some(PenaltyRules::default())));
        assert_eq!(rules(&["no"]), Ok(None));
    }

    #[test]
    fn what_is_not_named_keeps_its_default() {
        let all = "crash:1 authfail:2s invaliduser:3 grace-exceeded:4 noauth:0 refuseconnection:6 \
                   min:7 max:1m max-sources4:8 max-sources6:9 overflow:deny-all overflow6:deny-all";
        let made = rules(&all.split(' ').collect::<Vec<_>>()).unwrap().unwrap();
        let expected = PenaltyRules {
            crash_ms: 1_000,
            authfail_ms: 2_000,
            invaliduser_ms: 3_000,
            grace_exceeded_ms: 4_000,
            noauth_ms: 0,
            refuseconnection_ms: 6_000,
            min_ms: 7_000,
            max_ms: 60_000,
            sources4_max: 8,
            overflow4: Overflow::DenyAll,
            sources6_max: 9,
            overflow6: Overflow::DenyAll,
        };
        assert_eq!(made, expected);
        let made = rules(&["authfail:1h", "authfail:2h"]).unwrap().unwrap();
        assert_eq!(made, PenaltyRules { authfail_ms: 7_200_000, ..PenaltyRules::default() });
    }

    #[test]
    fn nothing_else_is_read() {
        for bad in [
            "",
            ":",
            "authfail",
            "authfail:",
            "authfail:5x",
            "authfail:-1",
            "authfail:8d",
            "auth:5",
            "max-sources4:0",
            "max-sources4:65537",
            "max-sources6:1s",
            "overflow:maybe",
            "overflow4:no",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check("no").is_ok());
        assert!(rules(&["no", "min:1"]).is_err() && rules(&["min:1", "no"]).is_err());
    }
}
