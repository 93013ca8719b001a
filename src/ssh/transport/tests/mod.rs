//! Two transports joined in memory.
