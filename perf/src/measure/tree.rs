//! The process tree in /proc, for machines where we may not make a control group.

use std::collections::HashMap;
use std::fs;

use super::Cpu;
use crate::Outcome;

/// What /proc/PID/stat says that matters here; times in clock ticks.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    user: u64,
    system: u64,
    /// Of children that have ended and were waited for.
    children_user: u64,
    children_system: u64,
}

/// Fields after the name, which is in parentheses and may contain anything.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    // proc(5) counts from 1 and the name is the second: ppid is 4, utime 14, stime 15, then theirs.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        user: number(14)?,
        system: number(15)?,
        children_user: number(16)?,
        children_system: number(17)?,
    })
}

fn every_process() -> HashMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse(&text)?))
    })
    .collect()
}

/// The processes below `root`, without itself.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    below(root, &every_process())
}

fn below(root: u32, every: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = every.iter().filter(|(_, stat)| stat.parent == parent);
        for (&pid, _) in children {
            found.push(pid);
            parents.push(pid);
        }
    }
    found
}

/// CPU time of `root`, of everything below it, and of the children they have waited for.
pub(super) fn cpu(root: u32) -> Outcome<Cpu> {
    let every = every_process();
    if !every.contains_key(&root) {
        return Err(format!("process {root} is gone").into());
    }
    let mut members = below(root, &every);
    members.push(root);
    let stats = || members.iter().filter_map(|pid| every.get(pid));
    let seconds = |ticks: u64| {
        #[expect(clippy::cast_precision_loss, reason = "ticks of a run stay far below 2^52")]
        let (ticks, rate) = (ticks as f64, rustix::param::clock_ticks_per_second() as f64);
        ticks / rate
    };
    Ok(Cpu {
        user_s: seconds(stats().map(|stat| stat.user + stat.children_user).sum()),
        system_s: seconds(stats().map(|stat| stat.system + stat.children_system).sum()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 100 0 0";
        let expected =
            Stat { parent: 3, user: 50, system: 60, children_user: 70, children_system: 80 };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("7 (cut"), None);
    }

    #[test]
    fn descendants_at_any_depth() {
        let stat =
            |parent| Stat { parent, user: 0, system: 0, children_user: 0, children_system: 0 };
        let every = HashMap::from([(1, stat(0)), (2, stat(1)), (3, stat(2)), (9, stat(1))]);
        let mut found = below(2, &every);
        assert_eq!(found, [3]);
        found = below(1, &every);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 9]);
    }
}
