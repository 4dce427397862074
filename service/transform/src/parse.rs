//! From the text of `op=` parameters to a pipeline.

use crate::error::{ErrorCode, ServiceError};
use crate::limits::{MAX_OPERATIONS, MAX_SHARPEN_AMOUNT_MILLI, MAX_SIGMA_MILLI};
use crate::operation::{Axis, Encoding, Operation, ResizeFilter, Rotation};

/// One operation with the text it was made from, which errors name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) operation: Operation,
    pub(crate) text: String,
}

/// A pipeline as asked for: at least one operation, or an encoding, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) steps: Vec<Step>,
    /// The last operation, where it says how to encode.
    pub(crate) encoding: Option<Encoding>,
}

/// What one `op=` may be.
enum Parsed {
    Pixels(Operation),
    Encode(Encoding),
}

/// Parses all operations of a request, in order.
pub(crate) fn parse_pipeline(texts: Vec<String>) -> Result<Pipeline, ServiceError> {
    if texts.is_empty() {
        let message = "name at least one operation, for example op=resize:256x0";
        return Err(ServiceError::new(ErrorCode::MissingOperation, message).with_parameter("op"));
    }
    if texts.len() > MAX_OPERATIONS {
        let message = format!("a pipeline has at most {MAX_OPERATIONS} operations");
        return Err(ServiceError::new(ErrorCode::TooManyOperations, message).with_parameter("op"));
    }
    let mut pipeline = Pipeline { steps: Vec::with_capacity(texts.len()), encoding: None };
    for text in texts {
        if pipeline.encoding.is_some() {
            return Err(invalid("encode must be the last operation").with_parameter(&text));
        }
        match parse_operation(&text).map_err(|error| error.with_parameter(&text))? {
            Parsed::Pixels(operation) => pipeline.steps.push(Step { operation, text }),
            Parsed::Encode(encoding) => pipeline.encoding = Some(encoding),
        }
    }
    Ok(pipeline)
}

fn parse_operation(text: &str) -> Result<Parsed, ServiceError> {
    let (name, arguments) = match text.split_once(':') {
        Some((name, arguments)) => (name, Some(arguments)),
        None => (text, None),
    };
    let operation = match name {
        "resize" => parse_resize(required(arguments, "resize:WIDTHxHEIGHT[:FILTER]")?)?,
        "crop" => parse_crop(required(arguments, "crop:X,Y,WIDTH,HEIGHT")?)?,
        "rotate" => Operation::Rotate(match arguments {
            Some("90") => Rotation::Quarter,
            Some("180") => Rotation::Half,
            Some("270") => Rotation::ThreeQuarters,
            _ => return Err(invalid("rotate takes 90, 180 or 270")),
        }),
        "flip" => Operation::Flip(match arguments {
            Some("horizontal") => Axis::Horizontal,
            Some("vertical") => Axis::Vertical,
            _ => return Err(invalid("flip takes horizontal or vertical")),
        }),
        "grayscale" => match arguments {
            None => Operation::Grayscale,
            Some(_) => return Err(invalid("grayscale takes no parameter")),
        },
        "blur" => {
            let text = required(arguments, "blur:SIGMA")?;
            Operation::Blur { sigma_milli: parse_milli(text, "sigma", MAX_SIGMA_MILLI)? }
        }
        "sharpen" => {
            let text = required(arguments, "sharpen:AMOUNT")?;
            let amount_milli = parse_milli(text, "amount", MAX_SHARPEN_AMOUNT_MILLI)?;
            Operation::Sharpen { amount_milli }
        }
        "encode" => {
            let text = required(arguments, "encode:jpeg[:QUALITY], encode:png or encode:webp")?;
            return parse_encoding(text).map(Parsed::Encode);
        }
        _ => {
            let message = "the operations are resize, crop, rotate, flip, grayscale, blur, \
                           sharpen and encode";
            return Err(ServiceError::new(ErrorCode::UnknownOperation, message));
        }
    };
    Ok(Parsed::Pixels(operation))
}

fn parse_resize(arguments: &str) -> Result<Operation, ServiceError> {
    let (size, filter) = match arguments.split_once(':') {
        Some((size, filter)) => (size, Some(filter)),
        None => (arguments, None),
    };
    let filter = match filter {
        None | Some("lanczos3") => ResizeFilter::Lanczos3,
        Some("catmullrom") => ResizeFilter::CatmullRom,
        Some("bilinear") => ResizeFilter::Bilinear,
        Some("nearest") => ResizeFilter::Nearest,
        Some(_) => {
            return Err(invalid("the filters are nearest, bilinear, catmullrom and lanczos3"));
        }
    };
    let (width, height) =
        size.split_once('x').ok_or_else(|| invalid("resize takes WIDTHxHEIGHT[:FILTER]"))?;
    let (width, height) = (parse_integer(width)?, parse_integer(height)?);
    if width == 0 && height == 0 {
        return Err(invalid("at most one side may be 0 (it then follows from the other)"));
    }
    Ok(Operation::Resize { width, height, filter })
}

fn parse_crop(arguments: &str) -> Result<Operation, ServiceError> {
    let numbers = arguments.split(',').map(parse_integer).collect::<Result<Vec<_>, _>>()?;
    let [x, y, width, height] = numbers[..] else {
        return Err(invalid("crop takes X,Y,WIDTH,HEIGHT"));
    };
    if width == 0 || height == 0 {
        return Err(invalid("a crop is at least one pixel wide and high"));
    }
    Ok(Operation::Crop { x, y, width, height })
}

fn parse_encoding(text: &str) -> Result<Encoding, ServiceError> {
    match text {
        "png" => return Ok(Encoding::Png),
        "webp" => return Ok(Encoding::Webp),
        "jpeg" => return Ok(Encoding::Jpeg { quality: Encoding::DEFAULT_JPEG_QUALITY }),
        _ => {}
    }
    let quality = text.strip_prefix("jpeg:").map(parse_integer).transpose()?;
    match quality.map(u8::try_from) {
        Some(Ok(quality @ 1..=100)) => Ok(Encoding::Jpeg { quality }),
        Some(_) => Err(invalid("the quality of a JPEG is 1 to 100")),
        None => Err(invalid("encode takes jpeg[:QUALITY], png or webp")),
    }
}

/// Decimal digits only: no sign, no space.
fn parse_integer(text: &str) -> Result<u32, ServiceError> {
    if !is_digits(text) {
        return Err(invalid("a whole number is missing or is not one"));
    }
    text.parse().map_err(|_| invalid("a number is too large"))
}

/// A positive decimal number with at most three decimals, in thousandths. Integers only, so that no
/// target rounds it differently.
fn parse_milli(text: &str, name: &str, limit_milli: u32) -> Result<u32, ServiceError> {
    let out_of_range = || {
        let limit = limit_milli / 1000;
        invalid(&format!(
            "{name} is a decimal number over 0, with at most 3 decimals, up to {limit}"
        ))
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 3 {
        return Err(out_of_range());
    }
    let whole: u32 = whole.parse().map_err(|_| out_of_range())?;
    let decimals: u32 = format!("{decimals:0<3}").parse().map_err(|_| out_of_range())?;
    let milli = whole.checked_mul(1000).and_then(|milli| milli.checked_add(decimals));
    milli.filter(|milli| (1..=limit_milli).contains(milli)).ok_or_else(out_of_range)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn required<'a>(arguments: Option<&'a str>, usage: &str) -> Result<&'a str, ServiceError> {
    arguments.ok_or_else(|| invalid(&format!("the operation takes {usage}")))
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidParameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pipeline, ServiceError> {
        parse_pipeline(text.split('&').map(str::to_owned).collect())
    }

    #[test]
    fn every_operation_is_understood() {
        let pipeline = parse(
            "resize:640x0&resize:1x2:nearest&crop:1,2,3,4&rotate:270&flip:vertical&grayscale\
             &blur:2.5&sharpen:0.001&encode:jpeg:90",
        )
        .unwrap();
        let operations: Vec<_> = pipeline.steps.iter().map(|step| step.operation).collect();
        let expected = [
            Operation::Resize { width: 640, height: 0, filter: ResizeFilter::Lanczos3 },
            Operation::Resize { width: 1, height: 2, filter: ResizeFilter::Nearest },
            Operation::Crop { x: 1, y: 2, width: 3, height: 4 },
            Operation::Rotate(Rotation::ThreeQuarters),
            Operation::Flip(Axis::Vertical),
            Operation::Grayscale,
            Operation::Blur { sigma_milli: 2_500 },
            Operation::Sharpen { amount_milli: 1 },
        ];
        assert_eq!(operations, expected);
        assert_eq!(pipeline.encoding, Some(Encoding::Jpeg { quality: 90 }));
    }

    #[test]
    fn bad_parameters_are_refused() {
        let bad = [
            "",
            "resize",
            "resize:",
            "resize:0x0",
            "resize:10",
            "resize:-1x4",
            "resize:1x2:cubic",
            "resize:99999999999x1",
            "crop:1,2,3",
            "crop:1,2,3,0",
            "crop:1,2,3,4,5",
            "rotate:45",
            "rotate",
            "flip:both",
            "grayscale:1",
            "blur:0",
            "blur:50.001",
            "blur:1.2345",
            "blur:nan",
            "blur:1e1",
            "blur:",
            "blur:.5",
            "blur:-1",
            "sharpen:10.5",
            "encode:gif",
            "encode:jpeg:0",
            "encode:jpeg:101",
            "encode:jpeg:",
            "encode:png:9",
            "encode:png&grayscale",
            "sepia",
        ];
        for text in bad {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn the_number_of_operations_is_bounded() {
        assert!(parse_pipeline(Vec::new()).is_err());
        assert!(parse_pipeline(vec!["grayscale".to_owned(); MAX_OPERATIONS]).is_ok());
        assert!(parse_pipeline(vec!["grayscale".to_owned(); MAX_OPERATIONS + 1]).is_err());
    }
}
