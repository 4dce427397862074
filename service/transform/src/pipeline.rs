//! The pipeline of one request: check everything, then decode, operate, encode.

use crate::blur::{blur, sharpen};
use crate::decode::{read_header, sniff};
use crate::encode::{check_encodable, content_type, encode};
use crate::error::{ErrorCode, ServiceError};
use crate::geometry::{crop, flip, rotate};
use crate::grayscale::grayscale;
use crate::http::{Request, Response};
use crate::operation::{Encoding, Format, Operation, Size};
use crate::parse::{Pipeline, Step, parse_pipeline};
use crate::pixels::Pixels;
use crate::query::operation_texts;
use crate::resize::resize;
use crate::stop::Stop;

/// `POST /v1/images/transform`: the cheap checks first, and the pixels only when all have passed.
pub(crate) fn transform(
    request: &Request<'_>,
    query: Option<&str>,
    stop: &Stop<'_>,
) -> Result<Response, ServiceError> {
    let format = image_format(request)?;
    let pipeline = parse_pipeline(operation_texts(query.unwrap_or_default())?)?;
    let encoding = pipeline.encoding.unwrap_or(Encoding::same_as(format));
    let header = read_header(request.body, format)?;
    check_plan(&pipeline, encoding, header.size)?;
    stop.check()?;
    let mut pixels = header.decode(stop)?;
    for step in &pipeline.steps {
        stop.check()?;
        pixels = apply(step, pixels, stop)?;
    }
    let body = encode(&pixels, encoding, stop)?;
    Ok(Response { status: 200, content_type: content_type(encoding), allow: None, body })
}

/// The format of the image: the content type and the first bytes of the body must agree on it.
fn image_format(request: &Request<'_>) -> Result<Format, ServiceError> {
    let content_type = request.content_type.unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let declared = match media_type.to_ascii_lowercase().as_str() {
        "image/jpeg" => Format::Jpeg,
        "image/png" => Format::Png,
        "image/webp" => Format::Webp,
        _ => {
            let message = "the content type must be image/jpeg, image/png or image/webp";
            return Err(ServiceError::new(ErrorCode::UnsupportedContentType, message)
                .with_parameter("content-type"));
        }
    };
    if request.body.is_empty() {
        let message = "the body must be the image";
        return Err(ServiceError::new(ErrorCode::MissingBody, message).with_parameter("body"));
    }
    if sniff(request.body) == Some(declared) {
        return Ok(declared);
    }
    let message = "the body is not an image of the declared content type";
    Err(ServiceError::new(ErrorCode::NotAnImage, message).with_parameter("body"))
}

/// Follows the size of the image through the pipeline, so that nothing is decoded in vain.
fn check_plan(pipeline: &Pipeline, encoding: Encoding, size: Size) -> Result<(), ServiceError> {
    let mut size = size;
    for step in &pipeline.steps {
        size = size_after(step, size)?;
    }
    check_encodable(size, encoding)
}

fn size_after(step: &Step, size: Size) -> Result<Size, ServiceError> {
    step.operation.output_size(size).map_err(|error| error.with_parameter(&step.text))
}

fn apply(step: &Step, pixels: Pixels, stop: &Stop<'_>) -> Result<Pixels, ServiceError> {
    let size = size_after(step, pixels.size)?;
    match step.operation {
        Operation::Resize { filter, .. } => resize(pixels, size, filter, stop),
        Operation::Crop { x, y, .. } => Ok(crop(&pixels, x, y, size)),
        Operation::Rotate(rotation) => Ok(rotate(pixels, rotation)),
        Operation::Flip(axis) => Ok(flip(pixels, axis)),
        Operation::Grayscale => Ok(grayscale(pixels)),
        Operation::Blur { sigma_milli } => blur(pixels, sigma_milli, stop),
        Operation::Sharpen { amount_milli } => sharpen(pixels, amount_milli, stop),
    }
}
