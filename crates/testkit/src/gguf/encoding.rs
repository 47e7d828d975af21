//! How weights are stored.

/// Weights of a quantised block.
const BLOCK: usize = 32;

/// How the matrices of a file are stored. Norms and other small tensors are always 32-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// `Q8_0`: blocks of 32 bytes with a 16-bit scale.
    Q8,
    /// `Q4_0`: blocks of 32 half bytes with a 16-bit scale.
    Q4,
}

impl Encoding {
    /// The number of the type in a tensor's description.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4 => 2,
            Self::Q8 => 8,
        }
    }

    /// The number of `general.file_type`.
    pub(super) fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4 => 2,
            Self::Q8 => 7,
        }
    }

    pub(super) fn bytes(self, weights: usize) -> usize {
        match self {
            Self::F32 => weights * 4,
            Self::F16 => weights * 2,
            Self::Q8 => weights / BLOCK * (2 + BLOCK),
            Self::Q4 => weights / BLOCK * (2 + BLOCK / 2),
        }
    }

    pub(super) fn encode(self, row: &[f32], bytes: &mut Vec<u8>) {
        match self {
            Self::F32 => bytes.extend(row.iter().flat_map(|weight| weight.to_le_bytes())),
            Self::F16 => bytes.extend(row.iter().flat_map(|weight| half(*weight).to_le_bytes())),
            Self::Q8 => row.chunks_exact(BLOCK).for_each(|block| encode_8(block, bytes)),
            Self::Q4 => row.chunks_exact(BLOCK).for_each(|block| encode_4(block, bytes)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a rounded weight is at most 127 times its scale"
)]
fn encode_8(block: &[f32], bytes: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    bytes.extend(half(scale).to_le_bytes());
    bytes.extend(block.iter().map(|weight| ((weight * inverse).round() as i8).cast_unsigned()));
}

/// The largest weight, by its absolute value, becomes -8; the first half of a block stands in the lower
/// half bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a weight is -8 to 8 times its scale, so that the step is not below 0"
)]
fn encode_4(block: &[f32], bytes: &mut Vec<u8>) {
    let larger = |a: f32, b: f32| if b.abs() > a.abs() { b } else { a };
    let scale = block.iter().copied().fold(0.0, larger) / -8.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let step = |weight: f32| ((weight * inverse + 8.5) as u8).min(15);
    bytes.extend(half(scale).to_le_bytes());
    let (low, high) = block.split_at(BLOCK / 2);
    bytes.extend(low.iter().zip(high).map(|(low, high)| step(*low) | (step(*high) << 4)));
}

/// The nearest 16-bit float, the even one of two that are as near.
fn half(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = ((bits >> 23) & 0xFF).cast_signed() - 127 + 15;
    let mantissa = (bits & 0x7F_FFFF) | 0x80_0000;
    if exponent >= 31 {
        return low_half(sign | 0x7C00);
    }
    // Numbers below the smallest normal one lose a digit for each power of two that they are below it.
    let shift = if exponent > 0 { 13 } else { 14 - exponent };
    if shift > 24 {
        return low_half(sign);
    }
    let rest = mantissa & ((1 << shift) - 1);
    let middle = 1 << (shift - 1);
    let kept = mantissa >> shift;
    let rounded = kept + u32::from(rest > middle || (rest == middle && kept & 1 == 1));
    // The leading digit of a normal number adds one to the exponent, and so does a carry.
    let above = if exponent > 0 { (exponent - 1).cast_unsigned() << 10 } else { 0 };
    low_half(sign | (above + rounded))
}

fn low_half(bits: u32) -> u16 {
    u16::try_from(bits).expect("a sign, five digits of exponent and ten of mantissa")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_nearest() {
        for (number, expected) in [
            (0.0, 0),
            (-0.0, 0x8000),
            (1.0, 0x3C00),
            (-2.0, 0xC000),
            (65_504.0, 0x7BFF),
            (65_520.0, 0x7C00),
            (1e9, 0x7C00),
            (0.1, 0x2E66),
            // 2^-14 is the smallest normal number, 2^-24 the smallest of all.
            (6.103_515_6e-5, 0x0400),
            (5.960_464_5e-8, 0x0001),
            (2.9e-8, 0x0000),
            // As near to both: the even one.
            (1.0 + 1.0 / 2048.0, 0x3C00),
            (1.0 + 3.0 / 2048.0, 0x3C02),
        ] {
            assert_eq!(half(number), expected, "{number}");
        }
    }

    #[test]
    fn blocks_keep_their_largest_weight() {
        let mut row = [0.25; 32];
        row[3] = -1.0;
        let mut bytes = Vec::new();
        Encoding::Q8.encode(&row, &mut bytes);
        assert_eq!((bytes.len(), bytes[2 + 3].cast_signed()), (Encoding::Q8.bytes(32), -127));
        bytes.clear();
        Encoding::Q4.encode(&row, &mut bytes);
        assert_eq!((bytes.len(), bytes[2 + 3] & 15), (Encoding::Q4.bytes(32), 0));
        assert_eq!(bytes[2 + 3] >> 4, 10);
    }
}
