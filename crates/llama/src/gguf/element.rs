//! The types of a tensor's numbers.

/// How many numbers are stored together, in how many bytes.
#[derive(Clone, Copy)]
pub(super) struct Element {
    numbers: u64,
    bytes: u64,
}

impl Element {
    /// By the type's number in a file; `None` for types that no published Qwen file has.
    pub(super) fn of(kind: u32) -> Option<Self> {
        let (numbers, bytes) = match kind {
            0 | 26 => (1, 4),      // F32, I32
            1 | 30 => (1, 2),      // F16, BF16
            2 | 20 => (32, 18),    // Q4_0, IQ4_NL
            3 => (32, 20),         // Q4_1
            6 => (32, 22),         // Q5_0
            7 => (32, 24),         // Q5_1
            8 => (32, 34),         // Q8_0
            10 => (256, 84),       // Q2_K
            11 | 21 => (256, 110), // Q3_K, IQ3_S
            12 => (256, 144),      // Q4_K
            13 => (256, 176),      // Q5_K
            14 => (256, 210),      // Q6_K
            16 => (256, 66),       // IQ2_XXS
            17 => (256, 74),       // IQ2_XS
            18 => (256, 98),       // IQ3_XXS
            19 => (256, 50),       // IQ1_S
            22 => (256, 82),       // IQ2_S
            23 => (256, 136),      // IQ4_XS
            29 => (256, 56),       // IQ1_M
            _ => return None,
        };
        Some(Self { numbers, bytes })
    }

    /// Bytes of a tensor; `None` where a dimension is 0, a row is no whole number of blocks, or the product
    /// is beyond all memory.
    pub(super) fn bytes(self, shape: &[u64]) -> Option<u64> {
        let row = shape.first().filter(|row| row.is_multiple_of(self.numbers))?;
        if shape.contains(&0) {
            return None;
        }
        let rows = shape[1..].iter().try_fold(1_u64, |rows, count| rows.checked_mul(*count))?;
        let bytes = (row / self.numbers).checked_mul(self.bytes)?.checked_mul(rows)?;
        // The library counts in signed numbers.
        (i64::try_from(row.checked_mul(rows)?).is_ok() && bytes < 1 << 48).then_some(bytes)
    }
}
