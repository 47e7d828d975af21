//! Text in, redacted text and findings out; the floor that runs before anything leaves a process.
