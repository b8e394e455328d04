"""Anymail's backend for Resend with idempotency keys, by which Resend recognizes a mail that it accepted before."""

from __future__ import annotations

from typing import Any

from anymail.backends import resend


class Payload(resend.ResendPayload):
    def get_request_params(self, api_url: str) -> dict[str, Any]:
        params: dict[str, Any] = super().get_request_params(api_url)
        reference = getattr(self.message, "metadata", {}).get("reference")
        return params | {"headers": params["headers"] | ({"Idempotency-Key": reference} if reference else {})}


class EmailBackend(resend.EmailBackend):
    def build_message_payload(self, message: Any, defaults: Any) -> Payload:
        return Payload(message, defaults, self)
