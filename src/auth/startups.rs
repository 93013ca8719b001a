//! Random early drop: the more connections have not logged in, the fewer new ones are let in.

use std::str::FromStr;

/// sshd's MaxStartups, `begin:rate:full`: with `begin` connections not logged in, `rate` hundredths
/// of the new ones are dropped, with `full` all of them, and in between linearly more.
///
/// Dropping at random leaves an honest client a chance that a plain limit would not: whoever holds
/// the limit open would hold everybody out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Startups {
    begin: u32,
    rate_percent: u32,
    full: u32,
}

/// More cannot be asked for: it is the most that `max_connections` takes.
const FULL_MAX: u32 = 1_000_000;

impl Default for Startups {
    /// sshd's 10:30:100 turns honest clients away that come a hundred at a time, as those of a bulk
    /// ingest do; a connection that has not logged in costs it a process, and here some 16 KiB.
    fn default() -> Self {
        Self { begin: 500, rate_percent: 30, full: 1000 }
    }
}

impl Startups {
    /// Whether a connection is dropped that comes while `strangers` others have not logged in.
    /// `draw` is a random number; its rest by 100 counts.
    #[must_use]
    pub fn drops(&self, strangers: usize, draw: u64) -> bool {
        draw % 100 < self.drop_percent(strangers)
    }

    /// Whether all are let in, whatever is drawn.
    #[must_use]
    pub fn is_calm(&self, strangers: usize) -> bool {
        strangers < self.begin as usize
    }

    fn drop_percent(&self, strangers: usize) -> u64 {
        let (begin, full) = (u64::from(self.begin), u64::from(self.full));
        let rate = u64::from(self.rate_percent);
        match strangers as u64 {
            few if few < begin => 0,
            many if many >= full => 100,
            some => rate + (100 - rate) * (some - begin) / (full - begin),
        }
    }
}

impl FromStr for Startups {
    type Err = String;

    /// `begin:rate:full`, or one number from which on all are dropped.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text
            .split(':')
            .map(|part| {
                let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                plain.then(|| part.parse().ok()).flatten()
            })
            .collect();
        let (begin, rate_percent, full) = match numbers.as_deref() {
            Some(&[full]) => (full, 100, full),
            Some(&[begin, rate, full]) => (begin, rate, full),
            _ => return Err(format!("{text:?} is neither BEGIN:RATE:FULL nor a number")),
        };
        if begin == 0 || begin > full || full > FULL_MAX || !(1..=100).contains(&rate_percent) {
            return Err(format!(
                "{text:?} does not go: BEGIN is 1 to FULL, RATE 1 to 100, FULL up to {FULL_MAX}"
            ));
        }
        Ok(Self { begin, rate_percent, full })
    }
}

impl std::fmt::Display for Startups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.begin, self.rate_percent, self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a hundred draws are dropped.
    fn dropped(rule: &str, strangers: usize) -> usize {
        let rule: Startups = rule.parse().unwrap();
        (0..100).filter(|draw| rule.drops(strangers, *draw)).count()
    }

    #[test]
    fn drops_grow_from_the_rate_to_all() {
        for (strangers, percent) in
            [(0, 0), (9, 0), (10, 30), (11, 30), (55, 65), (99, 99), (100, 100), (5000, 100)]
        {
            assert_eq!(dropped("10:30:100", strangers), percent, "{strangers}");
        }
        for (strangers, percent) in [(9, 0), (10, 100)] {
            assert_eq!(dropped("10", strangers), percent);
            assert_eq!(dropped("10:30:10", strangers), percent);
        }
        assert!("10:30:100".parse::<Startups>().unwrap().is_calm(9));
        assert!(!"10:30:100".parse::<Startups>().unwrap().is_calm(10));
    }

    #[test]
    fn only_what_makes_sense_is_read() {
        for bad in ["", "0", "10:30", "10:0:100", "10:101:100", "101:30:100", "-1", "+1", "1:2:3:4"]
        {
            assert!(bad.parse::<Startups>().is_err(), "{bad}");
        }
        assert!("1:1:1000001".parse::<Startups>().is_err());
        assert_eq!("7".parse::<Startups>().unwrap().to_string(), "7:100:7");
    }
}
