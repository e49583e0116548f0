//! Pictures as bytes: what the header of a JPEG or PNG says, decoding, encoding.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::Format;

const DECODER_BYTES_MAX: u64 = 512 << 20;
const JPEG_QUALITY_PERCENT: u8 = 85;
const PICTURE_PIXELS_MAX: u64 = 40_000_000;

/// A picture whose header is read and whose pixels are not.
pub(crate) struct Source<D> {
    pub(crate) decoder: D,
    pub(crate) format: Format,
    pub(crate) orientation: Orientation,
}

pub(crate) fn open(image: Vec<u8>) -> Result<Source<impl ImageDecoder>, String> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    let format = match image::guess_format(&image) {
        Ok(ImageFormat::Jpeg) => Format::Jpeg,
        Ok(ImageFormat::Png) => Format::Png,
        _ => return Err("the image is neither a JPEG nor a PNG".to_owned()),
    };
    let mut reader = ImageReader::with_format(Cursor::new(image), format.into());
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let orientation = decoder.orientation().map_err(|error| undecodable(&error))?;
    Ok(Source { decoder, format, orientation })
}

impl<D: ImageDecoder> Source<D> {
    /// Turns a size as stored into the size as shown, and back.
    pub(crate) fn upright(&self, (width, height): (u32, u32)) -> (u32, u32) {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        match self.orientation {
            Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH => (height, width),
            _ => (width, height),
        }
    }

    pub(crate) fn decode(self) -> Result<DynamicImage, String> {
        let (width, height) = self.decoder.dimensions();
        if u64::from(width) * u64::from(height) > PICTURE_PIXELS_MAX {
            return Err(format!(
                "the image has {width} by {height} pixels: send one of at most {} megapixels",
                PICTURE_PIXELS_MAX / 1_000_000
            ));
        }
        DynamicImage::from_decoder(self.decoder).map_err(|error| undecodable(&error))
    }
}

pub(crate) fn encode(picture: &DynamicImage, format: Format) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let written = match format {
        Format::Jpeg => {
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY_PERCENT))
        }
        Format::Png => picture.write_with_encoder(PngEncoder::new(&mut bytes)),
    };
    written.map_err(|error| format!("the thumbnail cannot be encoded: {error}"))?;
    Ok(bytes)
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::Jpeg,
            Format::Png => Self::Png,
        }
    }
}

fn undecodable(error: &ImageError) -> String {
    format!("the image cannot be decoded: {error}")
}
