//! Columns of text in Arrow's layout.

use crate::failure::{Failure, invalid};

/// One column of a batch: what a row has is `data[offsets[row]..offsets[row + 1]]`.
#[derive(Default)]
pub struct TextColumn {
    pub data: Vec<u8>,
    pub offsets: Vec<i32>,
    /// A bit a row, the lowest first; absent when every row has a value.
    pub validity: Option<Vec<u8>>,
}

impl TextColumn {
    /// @error invalid when the parts contradict each other, or the text is not UTF-8
    pub fn checked(data: &[u8], offsets: &[i32], validity: Option<&[u8]>, rows: usize) -> Result<Self, Failure> {
        if offsets.len() <= rows {
            return Err(invalid(format!("a column has too few offsets, rows={rows} offsets={}", offsets.len())));
        }
        let offsets = &offsets[..=rows];
        let [first, last] = [offsets[0], offsets[rows]];
        if first < 0 || last as usize > data.len() || !offsets.is_sorted() {
            return Err(invalid(format!("a column's offsets are not in its data, bytes={}", data.len())));
        }
        if validity.is_some_and(|bits| bits.len() < rows.div_ceil(8)) {
            return Err(invalid(format!("a column's validity is too short, rows={rows}")));
        }
        let data = &data[first as usize..last as usize];
        let text = std::str::from_utf8(data).map_err(|error| invalid(format!("a column is not UTF-8: {error}")))?;
        let offsets: Vec<i32> = offsets.iter().map(|offset| offset - first).collect();
        if offsets.iter().any(|offset| !text.is_char_boundary(*offset as usize)) {
            return Err(invalid("a column's offsets are inside of characters".to_owned()));
        }
        Ok(TextColumn { data: data.to_vec(), offsets, validity: validity.map(<[u8]>::to_vec) })
    }

    pub fn text(&self, row: usize) -> Option<&str> {
        if let Some(bits) = &self.validity
            && (bits[row / 8] >> (row % 8)) & 1 == 0
        {
            return None;
        }
        let bytes = &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize];
        // The whole was checked, and so were the borders.
        Some(unsafe { std::str::from_utf8_unchecked(bytes) })
    }
}
