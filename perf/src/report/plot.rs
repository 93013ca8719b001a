//! The plot of a scenario, an SVG of our own: a bar for each case and server, as long as the median
//! of the figure that the scenario is about, with a line from the lowest to the highest.

use std::fmt::Write;

use super::table;
use crate::results::Part;
use crate::statistics::Summary;

const WIDTH: f64 = 860.0;
/// Where the bars begin at least: left of it stand the labels of the cases.
const LEFT_MIN: f64 = 120.0;
/// Of a letter of a label, on the safe side.
const LETTER: f64 = 7.2;
/// Room for the value behind the longest bar.
const RIGHT: f64 = 90.0;
const BAR: f64 = 15.0;
const BAR_STEP: f64 = 19.0;
const GROUP_GAP: f64 = 14.0;
/// Title and legend.
const HEAD: f64 = 66.0;
/// Numbers below the axis.
const FOOT: f64 = 40.0;

/// Colors by server, so that one has the same in every plot.
const COLORS: &[(&str, &str)] = &[
    ("ringferry", "#2166ac"),
    ("openssh", "#e08214"),
    ("ceiling", "#878787"),
    ("proftpd", "#4d9221"),
    ("rclone", "#8073ac"),
    ("dropbear", "#b2182b"),
];
/// For the others, by their place.
const MORE_COLORS: &[&str] = &["#35978f", "#c51b7d", "#8c510a", "#525252"];

pub(super) fn svg(part: &Part) -> String {
    let rows = rows(part);
    let bars: usize = rows.iter().map(|(_, bars)| bars.len()).sum();
    let gaps = lines(rows.len()) * GROUP_GAP;
    let height = HEAD + lines(bars) * BAR_STEP + gaps + FOOT;
    let longest = rows.iter().flat_map(|(_, bars)| bars).filter_map(|bar| bar.value);
    let letters = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let left = (lines(letters) * LETTER + 26.0).max(LEFT_MIN);
    let axis = Axis::reaching(longest.map(|value| value.most).fold(0.0, f64::max), left);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\" \
         font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    legend(&mut out, part);
    grid(&mut out, &axis, height - FOOT);
    let mut y = HEAD + GROUP_GAP / 2.0;
    for (label, bars) in &rows {
        let middle = y + lines(bars.len()) * BAR_STEP / 2.0 + 3.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            left - 10.0,
            escaped(label)
        );
        for bar in bars {
            draw(&mut out, bar, &axis, y);
            y += BAR_STEP;
        }
        y += GROUP_GAP;
    }
    out.push_str("</svg>\n");
    out
}

struct Bar {
    color: &'static str,
    /// The figure, or what to say instead.
    value: Option<Summary>,
    text: String,
}

/// A label and its bars for each case that somebody took part in.
fn rows(part: &Part) -> Vec<(&str, Vec<Bar>)> {
    let figure = part.headline();
    let digits = figure.digits();
    let bar = |server: usize, case: usize| {
        let color = color(part, server);
        if let Some(absence) = part.absence(server, case) {
            let text = format!("{}: {}", part.servers[server].name, absence.cause.words());
            return Some(Bar { color, value: None, text });
        }
        let value = table::of(part, server, case, figure)?;
        let text = format!("{:.digits$}", value.median);
        Some(Bar { color, value: Some(value), text })
    };
    let rows = part.cases.iter().enumerate().map(|(case, label)| {
        let bars = (0..part.servers.len()).filter_map(|server| bar(server, case));
        (label.as_str(), bars.collect::<Vec<_>>())
    });
    rows.filter(|(_, bars)| !bars.is_empty()).collect()
}

fn color(part: &Part, server: usize) -> &'static str {
    let name = part.servers[server].name.as_str();
    let known = COLORS.iter().find(|(known, _)| *known == name).map(|(_, color)| *color);
    known.unwrap_or(MORE_COLORS[server % MORE_COLORS.len()])
}

fn legend(out: &mut String, part: &Part) {
    let (name, what) = (escaped(&part.name), part.headline().title());
    let better = if part.headline().more_is_better() { "more" } else { "less" };
    let _ = writeln!(
        out,
        "<text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{name}: {what}\
         <tspan dx=\"6\" font-size=\"12\" font-weight=\"normal\">({better} is better)</tspan>\
         </text>"
    );
    let mut x = 16.0;
    for (server, who) in part.servers.iter().enumerate() {
        let color = color(part, server);
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"38\" width=\"12\" height=\"12\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"48\">{}</text>",
            x + 18.0,
            escaped(&who.name)
        );
        x += 42.0 + 7.5 * lines(who.name.chars().count());
    }
}

fn grid(out: &mut String, axis: &Axis, bottom: f64) {
    for tick in 0..=axis.ticks {
        let value = axis.step * f64::from(tick);
        let x = axis.x(value);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{HEAD:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" \
             stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
             fill=\"#555\">{}</text>",
            bottom + 18.0,
            axis.label(value)
        );
    }
}

fn draw(out: &mut String, bar: &Bar, axis: &Axis, y: f64) {
    let baseline = y + BAR - 3.5;
    let Some(value) = bar.value else {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{baseline:.1}\" font-size=\"11\" font-style=\"italic\" \
             fill=\"{}\">{}</text>",
            axis.left + 4.0,
            bar.color,
            escaped(&bar.text)
        );
        return;
    };
    let (end, least, most) = (axis.x(value.median), axis.x(value.least), axis.x(value.most));
    let (left, middle) = (axis.left, y + BAR / 2.0);
    let _ = writeln!(
        out,
        "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR:.1}\" fill=\"{}\"/>\
         <line x1=\"{least:.1}\" y1=\"{middle:.1}\" x2=\"{most:.1}\" y2=\"{middle:.1}\" \
         stroke=\"#222\"/><text x=\"{:.1}\" y=\"{baseline:.1}\" font-size=\"11\">{}</text>",
        end - left,
        bar.color,
        most.max(end) + 6.0,
        escaped(&bar.text)
    );
}

/// From zero to a little more than the largest value, in round steps.
struct Axis {
    left: f64,
    step: f64,
    ticks: u32,
}

impl Axis {
    fn reaching(most: f64, left: f64) -> Axis {
        if most <= 0.0 {
            return Axis { left, step: 1.0, ticks: 1 };
        }
        // The largest power of ten that is no more than a fifth of the whole, times 1, 2 or 5.
        let power = 10_f64.powf((most / 5.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(power * 10.0);
        let ticks = (1..10).find(|&ticks| step * f64::from(ticks) >= most).unwrap_or(10);
        Axis { left, step, ticks }
    }

    fn x(&self, value: f64) -> f64 {
        let share = value / (self.step * f64::from(self.ticks));
        self.left + share * (WIDTH - self.left - RIGHT)
    }

    /// With as many digits as the steps have.
    fn label(&self, value: f64) -> String {
        let digits = [1.0, 0.1, 0.01].iter().position(|&unit| self.step >= unit).unwrap_or(3);
        format!("{value:.digits$}")
    }
}

/// A small count as a length.
fn lines(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(u16::MAX))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn steps_are_round_and_reach_the_longest() {
        for (most, step, ticks) in [
            (2.5, 0.5, 5),
            (0.93, 0.2, 5),
            (1.0, 0.2, 5),
            (1200.0, 200.0, 6),
            (7.5, 2.0, 4),
            (0.012, 0.002, 6),
            (0.0, 1.0, 1),
        ] {
            let axis = Axis::reaching(most, 0.0);
            let exact = (axis.step - step).abs() < step * 1e-9;
            assert!(exact && axis.ticks == ticks, "{most}: {} x {}", axis.step, axis.ticks);
        }
        assert_eq!(Axis::reaching(0.93, 0.0).label(0.4), "0.4");
        assert_eq!(Axis::reaching(0.012, 0.0).label(0.004), "0.004");
        assert_eq!(Axis::reaching(1200.0, 0.0).label(400.0), "400");
    }

    #[test]
    fn a_bar_is_as_long_as_its_median() {
        // The axis of the sample goes to 2.5 over 650 units.
        let text = svg(&sample::part());
        assert!(text.contains("width=\"156.0\" height=\"15.0\" fill=\"#2166ac\""), "0.6: {text}");
        assert!(text.contains("width=\"520.0\" height=\"15.0\" fill=\"#e08214\""), "2.0: {text}");
        assert!(text.contains(">openssh: not offered</text>"), "{text}");
        assert_eq!(text, svg(&sample::part()), "the same figures, the same bytes");
    }

    #[test]
    fn every_element_is_closed() {
        let mut part = sample::part();
        part.cases[0] = "a < b & c".into();
        let text = svg(&part);
        assert!(text.contains(">a &lt; b &amp; c</text>"));
        let starts = text.matches('<').count() - text.matches("</").count();
        assert_eq!(starts, text.matches("/>").count() + text.matches("</").count());
    }
}
