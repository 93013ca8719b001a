//! Dates in UTC from seconds since 1970, in the proleptic Gregorian calendar. No clock, no zones.

/// A moment to the minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// 0 to 11.
    pub(crate) month: usize,
    /// 1 to 31.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
}

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Days of a 400-year cycle, of a century without its leap day at the end, of four years.
const CYCLE_DAYS: i64 = 146_097;
const CENTURY_DAYS: i64 = 36_524;
const FOUR_YEARS_DAYS: i64 = 1_461;
/// 1 March 2000 began a cycle; 1 January 1970 was so many days before it.
const CYCLE_START: i64 = 11_017;
/// Lengths of the months from March on, so that the leap day is the last of its year.
const MONTH_DAYS: [i64; 12] = [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29];

pub(crate) fn date(seconds: i64) -> Date {
    let since_cycle = seconds.div_euclid(DAY_SECONDS) - CYCLE_START;
    let of_day = seconds.rem_euclid(DAY_SECONDS);

    let mut days = since_cycle.rem_euclid(CYCLE_DAYS);
    // The fourth century and the fourth year hold a leap day more: the quotient may reach 4 there.
    let centuries = (days / CENTURY_DAYS).min(3);
    days -= centuries * CENTURY_DAYS;
    let fours = days / FOUR_YEARS_DAYS;
    days %= FOUR_YEARS_DAYS;
    let years = (days / 365).min(3);
    days -= years * 365;

    let mut month = 2;
    for length in MONTH_DAYS {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let cycles = since_cycle.div_euclid(CYCLE_DAYS);
    let march_year = 2000 + cycles * 400 + centuries * 100 + fours * 4 + years;
    Date {
        year: if month < 12 { march_year } else { march_year + 1 },
        month: month % 12,
        day: days + 1,
        hour: of_day / 3600,
        minute: of_day % 3600 / 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> (i64, usize, i64, i64, i64) {
        let date = date(seconds);
        (date.year, date.month + 1, date.day, date.hour, date.minute)
    }

    /// Values of `date -u -d @SECONDS`.
    #[test]
    fn known_moments() {
        assert_eq!(at(0), (1970, 1, 1, 0, 0));
        assert_eq!(at(-1), (1969, 12, 31, 23, 59));
        assert_eq!(at(951_782_399), (2000, 2, 28, 23, 59));
        assert_eq!(at(951_782_400), (2000, 2, 29, 0, 0));
        assert_eq!(at(951_868_800), (2000, 3, 1, 0, 0));
        assert_eq!(at(1_709_164_800), (2024, 2, 29, 0, 0));
        assert_eq!(at(2_147_483_647), (2038, 1, 19, 3, 14));
        assert_eq!(at(4_107_542_399), (2100, 2, 28, 23, 59));
        assert_eq!(at(4_107_542_400), (2100, 3, 1, 0, 0));
        assert_eq!(at(4_294_967_295), (2106, 2, 7, 6, 28));
        assert_eq!(at(-2_203_891_200), (1900, 3, 1, 0, 0));
        assert_eq!(at(253_402_300_799), (9999, 12, 31, 23, 59));
        assert_eq!(at(253_402_300_800), (10000, 1, 1, 0, 0));
    }

    /// Every day of two cycles, against counting them one by one.
    #[test]
    fn each_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..2 * CYCLE_DAYS {
            assert_eq!(at(days * DAY_SECONDS + 59), (year, month, day, 0, 0));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                day = 1;
                month += 1;
            }
            if month > 12 {
                month = 1;
                year += 1;
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        assert!(date(i64::MAX).year > 292_000_000_000);
        assert!(date(i64::MIN).year < -292_000_000_000);
    }
}
