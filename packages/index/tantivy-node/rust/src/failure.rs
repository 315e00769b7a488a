//! What goes wrong, by what the caller does next.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The query, or what else was passed, is wrong.
    Invalid(String),
    /// It asks for more than is allowed.
    Limit(String),
    /// The index is damaged, or of a version that is not known.
    Damaged(String),
    /// The disk or the like.
    Io(String),
    /// These byte ranges of the file are not here yet.
    Missing(Vec<(u64, u64)>),
    /// Nobody wants the answer any more.
    Cancelled,
    /// A mistake of this package.
    Internal(String),
}

pub fn invalid(message: String) -> Failure {
    Failure::Invalid(message)
}

pub fn limit(message: String) -> Failure {
    Failure::Limit(message)
}

pub fn damaged(message: impl fmt::Display) -> Failure {
    Failure::Damaged(message.to_string())
}

impl Failure {
    /// The word that the JavaScript side knows it by.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Invalid(_) => "invalid",
            Failure::Limit(_) => "limit",
            Failure::Damaged(_) => "damaged",
            Failure::Io(_) => "io",
            Failure::Missing(_) => "missing",
            Failure::Cancelled => "cancelled",
            Failure::Internal(_) => "internal",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // JSON, for the JavaScript side.
            Failure::Missing(ranges) => {
                write!(formatter, "{:?}", ranges.iter().map(|(start, end)| [start, end]).collect::<Vec<_>>())
            }
            Failure::Cancelled => formatter.write_str("it was cancelled"),
            Failure::Invalid(message)
            | Failure::Limit(message)
            | Failure::Damaged(message)
            | Failure::Io(message)
            | Failure::Internal(message) => formatter.write_str(message),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::from(&error)
    }
}

impl From<&std::io::Error> for Failure {
    fn from(error: &std::io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
            Some(own) => own.clone(),
            None => Failure::Io(error.to_string()),
        }
    }
}

/// Through Tantivy comes what the file said, too.
impl From<tantivy::TantivyError> for Failure {
    fn from(error: tantivy::TantivyError) -> Self {
        use tantivy::TantivyError;
        use tantivy::directory::error::OpenReadError;
        match error {
            TantivyError::IoError(error) => Failure::from(&*error),
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => Failure::from(&*io_error),
            TantivyError::DataCorruption(error) => Failure::Damaged(format!("{error:?}")),
            other => Failure::Internal(other.to_string()),
        }
    }
}
