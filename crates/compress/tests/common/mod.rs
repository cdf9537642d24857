//! Weights that tests make up.

/// Numbers of a bell curve, always the same.
pub fn normals(count: usize, scale: f32, mut seed: u32) -> Vec<f32> {
    let mut unit = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..count).map(|_| scale * (0..12).map(|_| unit()).sum::<f32>()).collect()
}

/// As files have them, little-endian.
pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
