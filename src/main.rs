//! ringferry.
fn main() {}
