//! What JavaScript sees. Work that takes long runs in libuv's threads; a panic comes as an error.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::analyser::{Analyser, Tokens};
use crate::columns::TextColumn;
use crate::failure::{Failure, invalid};
use crate::matcher::{Matcher, RowField};
use crate::packed::{ByteRange, Finished};
use crate::query::Query;
use crate::reader::{Found, IndexReader};
use crate::writer::{FieldOptions, IndexWriter, SegmentLimits};

thread_local! {
    /// Where and why the task that is run panicked; absent when no task is run.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a task where a panic ends nothing but it, and is told by its error and not on the standard error.
fn guarded<T>(task: impl FnOnce() -> std::result::Result<T, Failure>) -> std::result::Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_ours = PANIC.with_borrow_mut(|told| told.as_mut().map(|told| *told = info.to_string()).is_some());
            if !is_ours {
                before(info);
            }
        }));
    });
    PANIC.set(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(task));
    let told = PANIC.take().unwrap_or_default();
    result.unwrap_or_else(|_| Err(Failure::Internal(format!("panic in native code: {told}"))))
}

fn thrown(failure: Failure) -> Error {
    Error::new(Status::GenericFailure, format!("{}: {failure}", failure.code()))
}

/// A task off the JavaScript thread.
pub struct Work<T: Send + 'static>(Option<Box<dyn FnOnce() -> std::result::Result<T, Failure> + Send>>);

impl<T: Send + 'static> Work<T> {
    fn run(task: impl FnOnce() -> std::result::Result<T, Failure> + Send + 'static) -> AsyncTask<Work<T>>
    where
        T: ToNapiValue + TypeName,
    {
        AsyncTask::new(Work(Some(Box::new(task))))
    }
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Work<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> Result<T> {
        let task = self.0.take().expect("it runs once");
        guarded(task).map_err(thrown)
    }

    fn resolve(&mut self, _: Env, output: T) -> Result<T> {
        Ok(output)
    }
}

/// A column in Arrow's layout.
#[napi(object)]
pub struct Utf8Column {
    pub data: Uint8Array,
    /// One more than rows.
    pub offsets: Int32Array,
    /// A bit a row, the lowest first; absent when every row has a value.
    pub validity: Option<Uint8Array>,
}

fn columns_of(columns: Vec<Option<Utf8Column>>, rows: u32) -> std::result::Result<Vec<Option<TextColumn>>, Failure> {
    let rows = rows as usize;
    columns
        .into_iter()
        .map(|column| {
            column
                .map(|Utf8Column { data, offsets, validity }| {
                    TextColumn::checked(&data, &offsets, validity.as_deref(), rows)
                })
                .transpose()
        })
        .collect()
}

/// Makes one index file.
#[napi]
pub struct NativeIndexWriter(Arc<Mutex<Option<IndexWriter>>>);

#[napi]
impl NativeIndexWriter {
    /// `fields` is JSON: `[{ name, analyser: 'log' | 'cjk' | 'raw', positions }]`.
    #[napi(constructor)]
    pub fn new(path: String, fields: String, segment_rows: u32, segment_memory_bytes: f64) -> Result<Self> {
        let made = guarded(|| {
            let fields: Vec<FieldOptions> =
                serde_json::from_str(&fields).map_err(|error| invalid(format!("the fields are wrong: {error}")))?;
            let limits = SegmentLimits { rows: segment_rows, memory_bytes: segment_memory_bytes as usize };
            IndexWriter::create(&PathBuf::from(path), fields, limits)
        });
        Ok(NativeIndexWriter(Arc::new(Mutex::new(Some(made.map_err(thrown)?)))))
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn add(&self, rows: u32, columns: Vec<Option<Utf8Column>>) -> Result<AsyncTask<Work<()>>> {
        let columns = guarded(|| columns_of(columns, rows)).map_err(thrown)?;
        let writer = self.0.clone();
        Ok(Work::run(move || match &mut *writer.lock().unwrap() {
            Some(writer) => writer.add(columns, rows as usize),
            None => Err(invalid("the writer has ended".to_owned())),
        }))
    }

    #[napi(ts_return_type = "Promise<NativeFinished>")]
    pub fn finish(&self, added: Uint8Array) -> AsyncTask<Work<NativeFinished>> {
        let (writer, added) = (self.0.clone(), added.to_vec());
        Work::run(move || match writer.lock().unwrap().take() {
            Some(writer) => {
                let Finished { bytes, added_at, end_bytes } = writer.finish(&added)?;
                Ok(NativeFinished { bytes: bytes as f64, added_at: added_at as f64, end_bytes: end_bytes as f64 })
            }
            None => Err(invalid("the writer has ended".to_owned())),
        })
    }
}

/// Of a file that was written: its bytes, where what was added lies in it, and how much of its end opens it.
#[napi(object)]
pub struct NativeFinished {
    pub bytes: f64,
    pub added_at: f64,
    pub end_bytes: f64,
}

/// Ends searches that it was given to.
#[napi]
pub struct NativeCancellation(Arc<AtomicBool>);

#[napi]
impl NativeCancellation {
    #[napi(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        NativeCancellation(Arc::default())
    }

    #[napi]
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Rows of a search, ascending: those that match, and those that may beside them.
#[napi(object)]
pub struct NativeRows {
    pub sure: Uint32Array,
    pub check: Uint32Array,
}

#[napi]
pub struct NativeIndexReader(Arc<IndexReader>);

#[napi]
impl NativeIndexReader {
    /// `present`: start and end in turns, ascending.
    #[napi(ts_return_type = "Promise<NativeIndexReader>")]
    pub fn open(
        path: String,
        length: Option<f64>,
        present: Option<Float64Array>,
    ) -> AsyncTask<Work<NativeIndexReader>> {
        let present = present.map(|ranges| {
            ranges
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[start, end]| (*start as u64, *end as u64))
                .collect::<Vec<ByteRange>>()
        });
        let length = length.map(|bytes| bytes as u64);
        Work::run(move || Ok(NativeIndexReader(Arc::new(IndexReader::open(&PathBuf::from(path), length, present)?))))
    }

    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.0.contents().rows as f64
    }

    /// JSON, as the writer got it.
    #[napi(getter)]
    pub fn fields(&self) -> String {
        serde_json::to_string(&self.0.contents().fields).unwrap_or_default()
    }

    #[napi(ts_return_type = "Promise<NativeRows>")]
    pub fn search(&self, query: String, cancellation: Option<&NativeCancellation>) -> AsyncTask<Work<NativeRows>> {
        let (reader, cancelled) = (self.0.clone(), cancelled_of(cancellation));
        Work::run(move || {
            let Found { sure, check } = reader.search(&Query::parse(&query)?, &cancelled)?;
            Ok(NativeRows { sure: sure.into(), check: check.into() })
        })
    }

    /// -1 when rows must be read to know it.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn count(&self, query: String, cancellation: Option<&NativeCancellation>) -> AsyncTask<Work<f64>> {
        let (reader, cancelled) = (self.0.clone(), cancelled_of(cancellation));
        Work::run(move || Ok(reader.count(&Query::parse(&query)?, &cancelled)?.map_or(-1.0, |count| count as f64)))
    }
}

fn cancelled_of(cancellation: Option<&NativeCancellation>) -> Arc<AtomicBool> {
    cancellation.map_or_else(Arc::default, |given| given.0.clone())
}

/// Says of rows whether they match.
#[napi]
pub struct NativeMatcher(Matcher);

#[napi]
impl NativeMatcher {
    /// `fields` is JSON: `[{ name, analyser }]`.
    #[napi(constructor)]
    pub fn new(query: String, fields: String) -> Result<Self> {
        let made = guarded(|| {
            let fields: Vec<RowField> =
                serde_json::from_str(&fields).map_err(|error| invalid(format!("the fields are wrong: {error}")))?;
            Matcher::new(&Query::parse(&query)?, fields)
        });
        Ok(NativeMatcher(made.map_err(thrown)?))
    }

    /// A byte a row.
    #[napi(js_name = "match")]
    pub fn run(&mut self, rows: u32, columns: Vec<Option<Utf8Column>>) -> Result<Uint8Array> {
        let matched = guarded(|| Ok(self.0.run(&columns_of(columns, rows)?, rows as usize)));
        Ok(matched.map_err(thrown)?.into())
    }
}

/// The tokens of a text.
#[napi]
pub fn analyse(analyser: String, text: String) -> Result<Vec<String>> {
    let analyser: Analyser =
        serde_json::from_value(analyser.into()).map_err(|_| thrown(invalid("there is no such analyser".to_owned())))?;
    let mut tokens = Tokens::of(analyser, &text);
    let mut token = String::new();
    let mut all = Vec::new();
    while tokens.next_into(&mut token).is_some() {
        all.push(token.clone());
    }
    Ok(all)
}
