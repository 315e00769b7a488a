//! What a part of a query says of rows.

use roaring::RoaringBitmap;

/// What is known of rows: those that match for sure, and those that may.
pub struct Bounds {
    pub sure: RoaringBitmap,
    /// Has all of `sure`; absent when it is the same.
    pub may: Option<RoaringBitmap>,
}

impl Bounds {
    pub fn exact(sure: RoaringBitmap) -> Self {
        Bounds { sure, may: None }
    }

    pub fn at_most(may: RoaringBitmap) -> Self {
        Bounds { sure: RoaringBitmap::new(), may: Some(may) }
    }

    pub fn into_may(self) -> RoaringBitmap {
        self.may.unwrap_or(self.sure)
    }

    pub fn and(self, other: Bounds) -> Bounds {
        if self.may.is_none() && other.may.is_none() {
            return Bounds::exact(self.sure & other.sure);
        }
        let sure = &self.sure & &other.sure;
        Bounds { sure, may: Some(self.into_may() & other.into_may()) }
    }

    pub fn or(self, other: Bounds) -> Bounds {
        if self.may.is_none() && other.may.is_none() {
            return Bounds::exact(self.sure | other.sure);
        }
        let sure = &self.sure | &other.sure;
        Bounds { sure, may: Some(self.into_may() | other.into_may()) }
    }

    pub fn not(self, rows: u32) -> Bounds {
        let all = all_rows(rows);
        match self.may {
            None => Bounds::exact(all - self.sure),
            Some(may) => Bounds { sure: &all - may, may: Some(all - self.sure) },
        }
    }
}

pub fn all_rows(rows: u32) -> RoaringBitmap {
    let mut all = RoaringBitmap::new();
    all.insert_range(0..rows);
    all
}
