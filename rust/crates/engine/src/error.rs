//! Errors of the engine, worded for people.

/// Why the engine did not do what it was asked. Each text says what was wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An argument was outside its range.
    #[error("{argument}: {problem}")]
    InvalidArgument {
        /// Name of the argument as Python knows it.
        argument: &'static str,
        /// What is wrong with it and what is allowed.
        problem: String,
    },
    /// Not started yet, or stopped.
    #[error("{0}")]
    NotRunning(&'static str),
    /// A listener could not be opened.
    #[error("{0}")]
    BindFailed(String),
    /// Everything else: the machine or the queue in between.
    #[error("{0}")]
    Failed(String),
}

impl EngineError {
    /// Shorthand for the most frequent one.
    pub(crate) fn argument(argument: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidArgument { argument, problem: problem.into() }
    }
}
