//! The parts by themselves; whole images are in `tests/odd.rs`.

use super::entropy::{byte_count, read, restart_marker};
use super::frame::{Colors, Frame};
use super::progression::Progression;
use super::scan::{Part, Scan};
use super::*;

/// A frame of 17x9 pixels with these components: number and sampling factors.
fn frame(components: &[(u8, u8)]) -> Frame {
    let mut content = vec![8, 0, 9, 0, 17, components.len() as u8];
    content.extend(components.iter().flat_map(|(id, sampling)| [*id, *sampling, 0]));
    Frame::parse(&content, true).unwrap()
}

fn scan(components: &[usize], band: (u8, u8), bits: (u8, u8)) -> Scan {
    let part = |index: &usize| Part { index: *index, dc_table: 0, ac_table: 0 };
    Scan { components: components.iter().map(part).collect(), band, bits }
}

#[test]
fn colours_are_chosen_in_the_order_of_libjpeg() {
    let of = |ids: &[u8], jfif, adobe| {
        let components: Vec<(u8, u8)> = ids.iter().map(|id| (*id, 0x11)).collect();
        Colors::of(&frame(&components), jfif, adobe).ok()
    };
    for (ids, jfif, adobe, expected) in [
        (b"\x01\x02\x03".as_slice(), false, None, Some(Colors::YCbCr)),
        (b"RGB", false, None, Some(Colors::Rgb)),
        (b"\0\x01\x02", false, None, Some(Colors::YCbCr)),
        (b"RGB", false, Some(1), Some(Colors::YCbCr)),
        (b"\x01\x02\x03", false, Some(0), Some(Colors::Rgb)),
        (b"RGB", false, Some(7), Some(Colors::YCbCr)),
        // JFIF comes first, whatever else is said.
        (b"RGB", true, Some(0), Some(Colors::YCbCr)),
        (b"RGB", true, None, Some(Colors::YCbCr)),
        (b"\x07", true, Some(2), Some(Colors::Gray)),
        (b"\x01\x02\x03\x04", true, Some(0), Some(Colors::Cmyk)),
        (b"\x01\x02\x03\x04", false, Some(2), Some(Colors::Ycck)),
        (b"\x01\x02\x03\x04", false, None, None),
        (b"\x01\x02\x03\x04", false, Some(1), None),
    ] {
        assert_eq!(of(ids, jfif, adobe), expected, "{ids:?} {jfif} {adobe:?}");
    }
}

#[test]
fn only_samplings_that_the_decoder_is_known_to_scale_right_pass() {
    let passes = |sampling: &[u8]| {
        let components: Vec<(u8, u8)> = (1..).zip(sampling.iter().copied()).collect();
        frame(&components).check_sampling().is_ok()
    };
    for known in [[0x11; 3], [0x21, 0x11, 0x11], [0x22, 0x11, 0x11], [0x22, 0x12, 0x12]] {
        assert!(passes(&known), "{known:x?}");
    }
    for unknown in [[0x11, 0x22, 0x22], [0x22, 0x12, 0x21], [0x31, 0x11, 0x11], [0x33; 3]] {
        assert!(!passes(&unknown), "{unknown:x?}");
    }
    assert!(passes(&[0x43]) && passes(&[0x11; 4]) && !passes(&[0x22, 0x11, 0x11, 0x22]));
}

#[test]
fn units_and_blocks_are_counted_as_the_standard_says() {
    let frame = frame(&[(1, 0x22), (2, 0x11), (3, 0x11)]);
    let dc = |components: &[usize]| scan(components, (0, 0), (0, 0));
    // 17x9 pixels: two units of 16x16; 3x2 blocks of the first component, 2x1 of another.
    let all = dc(&[0, 1, 2]);
    assert_eq!((frame.units(&all), frame.blocks(&all)), (2, 12));
    assert_eq!((frame.units(&dc(&[0])), frame.blocks(&dc(&[0]))), (6, 6));
    assert_eq!((frame.units(&dc(&[1])), frame.blocks(&dc(&[1]))), (2, 2));
    assert_eq!(frame.blocks(&dc(&[0, 2])), 10);
}

#[test]
fn scans_must_bring_each_bit_once_and_in_order() {
    let follow = |scans: &[Scan]| {
        let mut progression = Progression::default();
        let taken = scans.iter().take_while(|scan| progression.add(scan).is_some()).count();
        (taken, progression.is_complete(1))
    };
    let dc = || scan(&[0], (0, 0), (0, 1));
    let ac = || scan(&[0], (1, 63), (0, 0));
    assert_eq!(follow(&[dc(), scan(&[0], (0, 0), (1, 0)), ac()]), (3, true));
    assert_eq!(follow(&[dc(), ac()]), (2, false), "the last bit of DC is missing");
    assert_eq!(follow(&[ac()]), (0, false), "AC before DC");
    assert_eq!(follow(&[dc(), dc()]), (1, false), "the same twice");
    assert_eq!(follow(&[dc(), scan(&[0], (1, 63), (2, 1))]), (1, false), "refined before begun");
    assert_eq!(follow(&[dc(), ac(), scan(&[0], (1, 63), (1, 0))]), (2, false), "refined too far");
    assert_eq!(follow(&[scan(&[0], (0, 63), (0, 0))]), (0, false), "DC and AC in one");
    assert_eq!(follow(&[scan(&[0], (0, 0), (0, 14))]), (0, false), "too high a bit");
    assert_eq!(follow(&[dc(), scan(&[0], (9, 5), (0, 0))]), (1, false), "a band that ends early");
}

#[test]
fn data_end_at_a_marker_and_restart_markers_are_counted() {
    let data = [1, 0xFF, 0, 2, 0xFF, 0xD0, 3, 0xFF, 0xD1, 4, 0xFF, 0xFF, 0xD9];
    let found = read(&data, 0, 2).unwrap();
    assert_eq!(found.stretches, [0..4, 6..7, 9..10]);
    assert_eq!(found.end, 10);
    assert_eq!(byte_count(&data[0..4]), 3);
    assert!(read(&data, 0, 1).is_none() && read(&data, 0, 3).is_none());
    assert!(read(&data[..10], 0, 2).is_none(), "no marker behind the data");
    assert!(read(&data[..11], 0, 2).is_none(), "half a marker");
    assert!(read(&[1, 0xFF, 0xD1, 2, 0xFF, 0xD9], 0, 1).is_none(), "another number");
    assert_eq!((restart_marker(7), restart_marker(8)), (0xD7, 0xD0));
}

#[test]
fn a_scan_of_dc_coefficients_is_read_to_its_last_block() {
    // One code of one bit for "nothing more", one of two bits for "one more bit".
    let mut tables = Tables::default();
    let mut content = vec![0, 1, 1];
    content.extend([0; 14]);
    content.extend([0, 1]);
    tables.read(&content).unwrap();
    let frame = frame(&[(1, 0x11)]);
    let scan = scan(&[0], (0, 0), (0, 0));
    // Six blocks: 0, 10 1, 0, 10 0, 0, 0, and ones to fill the byte.
    let data = [0b0101_0100, 0b0011_1111];
    assert!(tables.read_dc_scan(&frame, &scan, &data).is_some());
    assert!(tables.read_dc_scan(&frame, &scan, &data[..1]).is_none());
    assert!(tables.read_dc_scan(&frame, &scan, &[0b0101_0111, 0xFF, 0]).is_none(), "no such code");
}
