"""What a call used, as far as it decides its price: each token in exactly one class."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Usage(NamedTuple):
    """The billed quantities of one call, or of an aggregate of calls.

    `input_tokens` are all of the input: `cached_input_tokens` (read from a cache),
    `cache_write_tokens` and `input_audio_tokens` are parts of it, `cache_write_1h_tokens` a part
    of the writes.  `reasoning_tokens` and `output_audio_tokens` are parts of `output_tokens`.
    `service_tier`: standard, batch, flex, priority, fast, free or response-cache.
    `day`: ISO day of the call, for prices that changed; "" takes the latest price.
    `region`: where the provider was asked to run the model (`inference_geo`), "" for anywhere;
    never the region of a cloud.  `speed`: "fast" for a provider's fast mode.
    `context_tokens`: what decides about long-context prices where that is not `input_tokens`:
    the input of one sampling; 0 for an aggregate whose calls are not known.
    """

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    service_tier: str = ""
    day: str = ""
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    web_searches: int = 0
    region: str = ""
    speed: str = ""
    context_tokens: Optional[int] = None

    @property
    def context(self) -> int:
        """Tokens that decide about long-context prices."""
        return self.input_tokens if self.context_tokens is None else self.context_tokens

    def classes(self) -> TokenClasses:
        """Return the tokens by class."""
        return token_classes(
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.reasoning_tokens,
            self.input_audio_tokens,
            self.output_audio_tokens,
        )


class TokenClasses(NamedTuple):
    """Tokens by the price that they have; together they are all tokens of a call."""

    text: int
    audio: int
    read: int
    write: int
    write_1h: int
    output: int
    reasoning: int
    output_audio: int


def token_classes(
    inputs: int,
    outputs: int,
    read: int = 0,
    written: int = 0,
    written_1h: int = 0,
    reasoning: int = 0,
    audio: int = 0,
    output_audio: int = 0,
) -> TokenClasses:
    """Return the tokens of a call by class; their sum is `inputs + outputs`.

    Parts that exceed their whole are cut, so that no token is billed twice.

    >>> token_classes(1000, 100, read=600, written=200, written_1h=50, reasoning=40)
    TokenClasses(text=200, audio=0, read=600, write=150, write_1h=50, output=60, reasoning=40, \
output_audio=0)
    """
    if (
        read + written + audio <= inputs
        and written_1h <= written
        and reasoning + output_audio <= outputs
    ):
        return TokenClasses(
            inputs - read - written - audio,
            audio,
            read,
            written - written_1h,
            written_1h,
            outputs - reasoning - output_audio,
            reasoning,
            output_audio,
        )
    read = min(read, inputs)
    written = min(written, inputs - read)
    written_1h = min(written_1h, written)
    audio = min(audio, inputs - read - written)
    reasoning = min(reasoning, outputs)
    output_audio = min(output_audio, outputs - reasoning)
    return TokenClasses(
        text=inputs - read - written - audio,
        audio=audio,
        read=read,
        write=written - written_1h,
        write_1h=written_1h,
        output=outputs - reasoning - output_audio,
        reasoning=reasoning,
        output_audio=output_audio,
    )
