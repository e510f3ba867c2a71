//! Masking and unmasking in place (RFC 6455 section 5.3).
//!
//! The widest instructions that the processor has are chosen at run time. This is the only module
//! of the crate with `unsafe` code, for those instructions.
#![allow(unsafe_code)]

/// Below this many bytes the choice of instructions would cost more than it saves.
const WIDE_BYTES_MIN: usize = 192;

/// Masks or unmasks `bytes` (the two are the same: each byte is combined by exclusive or with the
/// byte of `key` at its position modulo 4). `phase` is the position of `bytes[0]` modulo 4: 0 at
/// the start of a payload, and the value returned here for the bytes that follow.
#[inline]
pub fn unmask(bytes: &mut [u8], key: [u8; 4], phase: usize) -> usize {
    let mut turned = key;
    turned.rotate_left(phase % 4);
    let pattern = u32::from_ne_bytes(turned);
    if bytes.len() < WIDE_BYTES_MIN {
        by_words(bytes, pattern);
    } else {
        widest(bytes, pattern);
    }
    (phase + bytes.len()) % 4
}

/// Eight bytes at a time, then byte by byte. Serves short payloads, tails and other processors.
#[inline]
fn by_words(bytes: &mut [u8], pattern: u32) {
    let wide = u64::from(pattern) << 32 | u64::from(pattern);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest(bytes: &mut [u8], pattern: u32) {
    by_words(bytes, pattern);
}

#[cfg(target_arch = "x86_64")]
fn widest(bytes: &mut [u8], pattern: u32) {
    // The standard library keeps the answers in one word, so asking costs a load and a test.
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor was just found to have AVX-512F, which is all that `avx512` needs.
        unsafe { x86::avx512(bytes, pattern) }
    } else if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was just found to have AVX2, which is all that `avx2` needs.
        unsafe { x86::avx2(bytes, pattern) }
    } else {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { x86::sse2(bytes, pattern) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_set1_epi32, _mm_storeu_si128,
        _mm_xor_si128, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_storeu_si256,
        _mm256_xor_si256, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_storeu_si512,
        _mm512_xor_si512,
    };

    /// The pattern for bytes that begin `offset` after those that `pattern` is for. Its first byte
    /// is the lowest one on this processor.
    fn turned(pattern: u32, offset: usize) -> i32 {
        pattern.rotate_right(8 * (offset as u32 % 4)).cast_signed()
    }

    /// Defines a pass over whole registers at aligned addresses, four at a time. What the first and
    /// the last of them leave over is less than a register: two more, at the very start and the very
    /// end, overlap them. Those are loaded before anything is changed and stored at the end, so an
    /// overlap is written twice with the same bytes. Fewer bytes than a register go by words.
    macro_rules! pass {
        ($(#[$doc:meta])* $name:ident, $feature:literal, $register:ty, $width:literal,
         $load:ident, $store:ident, $xor:ident, $set:ident) => {
            $(#[$doc])*
            #[target_feature(enable = $feature)]
            pub(super) fn $name(bytes: &mut [u8], pattern: u32) {
                #[target_feature(enable = $feature)]
                #[inline]
                #[allow(clippy::cast_ptr_alignment, reason = "the instruction takes any alignment")]
                fn load(chunk: &[u8; $width]) -> $register {
                    // SAFETY: the chunk has the size of the register, and the instruction takes any
                    // alignment.
                    unsafe { $load(chunk.as_ptr().cast()) }
                }
                #[target_feature(enable = $feature)]
                #[inline]
                #[allow(clippy::cast_ptr_alignment, reason = "the instruction takes any alignment")]
                fn store(chunk: &mut [u8; $width], value: $register) {
                    // SAFETY: as above, and the chunk is borrowed mutably.
                    unsafe { $store(chunk.as_mut_ptr().cast(), value) }
                }
                #[target_feature(enable = $feature)]
                #[inline]
                fn change(chunk: &mut [u8; $width], key: $register) {
                    store(chunk, $xor(load(chunk), key));
                }

                let behind = bytes.len().wrapping_sub($width);
                let ends = bytes.first_chunk().zip(bytes.last_chunk());
                let Some((first, last)) = ends.map(|(first, last)| (load(first), load(last))) else {
                    return super::by_words(bytes, pattern);
                };
                let lead = bytes.as_ptr().align_offset($width).min(bytes.len());
                let key = $set(turned(pattern, lead));
                let (fours, rest) = bytes[lead..].as_chunks_mut::<$width>().0.as_chunks_mut::<4>();
                for [a, b, c, d] in fours {
                    change(a, key);
                    change(b, key);
                    change(c, key);
                    change(d, key);
                }
                for chunk in rest {
                    change(chunk, key);
                }
                if let Some(chunk) = bytes.first_chunk_mut() {
                    store(chunk, $xor(first, $set(turned(pattern, 0))));
                }
                if let Some(chunk) = bytes.last_chunk_mut() {
                    store(chunk, $xor(last, $set(turned(pattern, behind))));
                }
            }
        };
    }

    pass!(
        /// 16 bytes at a time; every x86-64 processor has SSE2.
        sse2, "sse2", __m128i, 16,
        _mm_loadu_si128, _mm_storeu_si128, _mm_xor_si128, _mm_set1_epi32
    );
    pass!(
        /// 32 bytes at a time.
        avx2, "avx2", __m256i, 32,
        _mm256_loadu_si256, _mm256_storeu_si256, _mm256_xor_si256, _mm256_set1_epi32
    );
    pass!(
        /// 64 bytes at a time.
        avx512, "avx512f", __m512i, 64,
        _mm512_loadu_si512, _mm512_storeu_si512, _mm512_xor_si512, _mm512_set1_epi32
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6455 section 5.3, byte by byte.
    fn reference(bytes: &[u8], key: [u8; 4], phase: usize) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, byte)| byte ^ key[(phase + i) % 4]).collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + 7) as u8).collect()
    }

    const KEYS: [[u8; 4]; 3] = [[0; 4], [0x37, 0xfa, 0x21, 0x3d], [0xff, 0, 0xff, 1]];

    #[test]
    fn agrees_with_the_reference_at_each_alignment_and_length() {
        let lengths = (0..=300).chain([511, 512, 1023, 1024, 4097]);
        for len in lengths {
            let plain = sample(len + 64);
            for (alignment, key) in (0..64).zip(KEYS.into_iter().cycle()) {
                let phase = (alignment + len) % 4;
                let mut bytes = plain.clone();
                let next = unmask(&mut bytes[alignment..alignment + len], key, phase);
                assert_eq!(next, (phase + len) % 4);
                let range = alignment..alignment + len;
                assert_eq!(bytes[range.clone()], reference(&plain[range], key, phase));
                assert_eq!(bytes[..alignment], plain[..alignment], "wrote before the slice");
                assert_eq!(bytes[alignment + len..], plain[alignment + len..], "wrote behind it");
            }
        }
    }

    #[test]
    fn a_split_changes_nothing() {
        let plain = sample(200);
        let key = KEYS[1];
        let expected = reference(&plain, key, 0);
        for first in 0..=plain.len() {
            for second in (first..=plain.len()).step_by(7) {
                let mut bytes = plain.clone();
                let phase = unmask(&mut bytes[..first], key, 0);
                let phase = unmask(&mut bytes[first..second], key, phase);
                unmask(&mut bytes[second..], key, phase);
                assert_eq!(bytes, expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn each_instruction_set_agrees_with_the_reference() {
        type Pass = fn(&mut [u8], u32);
        #[allow(unused_mut, reason = "other processors have one pass only")]
        let mut passes: Vec<Pass> = vec![by_words];
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: SSE2 is part of x86-64.
            passes.push(|bytes, pattern| unsafe { x86::sse2(bytes, pattern) });
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: just detected.
                passes.push(|bytes, pattern| unsafe { x86::avx2(bytes, pattern) });
            }
            if std::arch::is_x86_feature_detected!("avx512f") {
                // SAFETY: just detected.
                passes.push(|bytes, pattern| unsafe { x86::avx512(bytes, pattern) });
            }
        }
        for pass in passes {
            for len in 0..=600 {
                let plain = sample(len);
                let mut bytes = plain.clone();
                pass(&mut bytes, u32::from_ne_bytes(KEYS[1]));
                assert_eq!(bytes, reference(&plain, KEYS[1], 0), "length {len}");
            }
        }
    }
}
