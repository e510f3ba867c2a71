//! What a peer can do wrong after the handshake: one variant per broken rule.

use crate::close_code;

/// A rule of RFC 6455 sections 5 to 7, or a limit of this server, that the peer broke.
///
/// The connection must be closed with [`close_code`](Self::close_code); nothing further may be read
/// from it as frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProtocolError {
    /// A reserved bit is set, and no extension was negotiated that gives it a meaning (section 5.2).
    #[error("a reserved bit is set")]
    ReservedBit,
    /// Opcodes 3 to 7 and 11 to 15 are reserved (section 5.2).
    #[error("the opcode is unknown")]
    UnknownOpcode,
    /// Control frames must not be fragmented (section 5.5).
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// Control frames carry 125 bytes at most (section 5.5).
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// Frames from a client must be masked (section 5.1).
    #[error("a frame from the client is not masked")]
    NotMasked,
    /// Frames from a server must not be masked (section 5.1).
    #[error("a frame from the server is masked")]
    Masked,
    /// The shortest encoding of the length must be used (section 5.2).
    #[error("the length is not in its shortest encoding")]
    LengthNotMinimal,
    /// The most significant bit of a 64-bit length must be 0 (section 5.2).
    #[error("the top bit of the length is set")]
    LengthTopBit,
    /// A continuation frame without a message to continue (section 5.4).
    #[error("a continuation frame has no message to continue")]
    UnexpectedContinuation,
    /// A new data frame before the fragmented message was finished (section 5.4).
    #[error("a new message begins before the fragmented one has ended")]
    ExpectedContinuation,
    /// The body of a Close frame is empty or holds at least the two bytes of a code (section 5.5.1).
    #[error("a Close frame has a body of one byte")]
    CloseBodyOneByte,
    /// The code of a Close frame is not one that may be sent (section 7.4).
    #[error("a Close frame has a code that must not be sent")]
    CloseCode,
    /// The reason of a Close frame must be UTF-8 (section 5.5.1).
    #[error("the reason of a Close frame is not UTF-8")]
    CloseReasonNotUtf8,
    /// A text message must be UTF-8 (section 8.1).
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    /// The declared length is over [`frame_bytes_max`](crate::message::MessageLimits).
    #[error("a frame is longer than the limit")]
    FrameTooLong,
    /// The message would grow over [`message_bytes_max`](crate::message::MessageLimits).
    #[error("a message is longer than the limit")]
    MessageTooLong,
    /// The message has more frames than [`fragments_max`](crate::message::MessageLimits); empty
    /// ones count.
    #[error("a message has more fragments than the limit")]
    TooManyFragments,
}

impl ProtocolError {
    /// The code for the Close frame that answers this error (section 7.4.1).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::CloseReasonNotUtf8 | Self::TextNotUtf8 => close_code::INVALID_PAYLOAD,
            Self::FrameTooLong | Self::MessageTooLong => close_code::TOO_BIG,
            Self::TooManyFragments => close_code::POLICY,
            Self::ReservedBit
            | Self::UnknownOpcode
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::NotMasked
            | Self::Masked
            | Self::LengthNotMinimal
            | Self::LengthTopBit
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::CloseBodyOneByte
            | Self::CloseCode => close_code::PROTOCOL_ERROR,
        }
    }
}
