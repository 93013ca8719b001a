//! Bytes and names, counted.
