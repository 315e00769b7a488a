//! What an index costs: `cargo run --release --example measure -- FILE [pos|nopos] [QUERY…]`. A line of the file is a row: its text,
//! and behind tabs a trace's id and a span's. Queries are JSON, as the JavaScript side gives them. CPU is told on Linux.
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tantivy_node::{analyser::Analyser, columns::TextColumn, query::Query, reader::IndexReader, writer::*};

fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let positions = std::env::args().nth(2).as_deref() != Some("nopos");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let raw: usize = lines.iter().map(|line| line.split('\t').next().unwrap().len()).sum();
    let fields = lines[0].split('\t').count();
    let names = ["body", "trace_id", "span_id"];
    let options: Vec<FieldOptions> = (0..fields)
        .map(|i| FieldOptions {
            name: names[i].to_owned(),
            analyser: if i == 0 { Analyser::Log } else { Analyser::Raw },
            positions: i == 0 && positions,
        })
        .collect();
    let out = std::env::temp_dir().join("measure.index");
    let batches: Vec<Vec<Option<TextColumn>>> = lines
        .chunks(50_000)
        .map(|chunk| {
            (0..fields)
                .map(|i| {
                    let mut column = TextColumn::default();
                    column.offsets.push(0);
                    for line in chunk {
                        column.data.extend_from_slice(line.split('\t').nth(i).unwrap().as_bytes());
                        column.offsets.push(column.data.len() as i32);
                    }
                    Some(column)
                })
                .collect()
        })
        .collect();
    let (start, before) = (Instant::now(), cpu());
    let mut writer =
        IndexWriter::create(&out, options, SegmentLimits { rows: 1 << 20, memory_bytes: 1 << 30 }).unwrap();
    for batch in batches {
        let rows = batch[0].as_ref().unwrap().offsets.len() - 1;
        writer.add(batch, rows).unwrap();
    }
    let added = start.elapsed();
    let bytes = writer.finish(&[]).unwrap().bytes;
    println!(
        "{} rows, {:.2} us CPU a row ({:?} adding, {:?} all), {} bytes, {:.3} of raw",
        lines.len(),
        (cpu() - before) * 1e6 / lines.len() as f64,
        added,
        start.elapsed(),
        bytes,
        bytes as f64 / raw as f64
    );
    let reader = IndexReader::open(&out, None, None).unwrap();
    for segment in &reader.contents().segments {
        for file in &segment.files {
            println!(
                "  {} {:.2} bytes a row",
                file.name.rsplit('.').next().unwrap(),
                file.bytes as f64 / segment.rows as f64
            );
        }
        println!(
            "  identifiers {:?} heads {:.2} blocks {:.2}",
            segment.identifiers,
            segment.heads.bytes as f64 / segment.rows as f64,
            segment.blocks.bytes as f64 / segment.rows as f64
        );
    }
    for query in std::env::args().skip(3) {
        let parsed = Query::parse(&query).unwrap();
        let mut times = Vec::new();
        let mut sizes = (0, 0);
        let mut count = None;
        let mut counts = Vec::new();
        for _ in 0..15 {
            let start = Instant::now();
            let found = reader.search(&parsed, &AtomicBool::new(false)).unwrap();
            times.push(start.elapsed());
            sizes = (found.sure.len(), found.check.len());
            let start = Instant::now();
            count = reader.count(&parsed, &AtomicBool::new(false)).unwrap();
            counts.push(start.elapsed());
        }
        times.sort();
        counts.sort();
        println!("{query}: {sizes:?} in {:?}; count {count:?} in {:?}", times[7], counts[7]);
    }
}
