//! Whole numbers from Python: one beyond 64 bits is merely out of range, not another kind of error.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use ringback_engine::in_range;

use crate::error::raise;

/// An `int`, cut to 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Int(pub(crate) i64);

impl<'py> FromPyObject<'_, 'py> for Int {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<i64>() {
            Ok(value) => Ok(Self(value)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Self(if object.gt(0)? { i64::MAX } else { i64::MIN }))
            }
            Err(error) => Err(error),
        }
    }
}

impl Int {
    /// Check the range and narrow.
    pub(crate) fn within<T: TryFrom<i64> + Default>(self, name: &'static str, low: i64, high: i64) -> PyResult<T> {
        let value = in_range(name, self.0, low, high).map_err(raise)?;
        Ok(T::try_from(value).unwrap_or_default())
    }

    /// A leg or operation; every number that is not negative may be one.
    pub(crate) fn id(self, name: &'static str) -> PyResult<u64> {
        self.within(name, 0, i64::MAX)
    }
}
