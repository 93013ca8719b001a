//! SFTP v3.
#![forbid(unsafe_code)]
