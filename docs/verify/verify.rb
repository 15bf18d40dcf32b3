# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Verifies webhooks in Ruby 3, without gems but Ruby's own.
require 'openssl'

module Webhook
  TOLERANCE_S = 300
  ED25519_PREFIX = ['302a300506032b6570032100'].pack('H*') # what makes 32 bytes a public key in DER

  module_function

  # Standard Webhooks. key: the secret "whsec_...", or for v1a the public key "whpk_...".
  # headers: names in lower case. body: the raw bytes (request.body.read), before any JSON parser.
  def genuine?(key, headers, body, now: Time.now.to_i)
    id, timestamp, signatures = headers.values_at('webhook-id', 'webhook-timestamp', 'webhook-signature')
    return false unless id && signatures && timestamp&.match?(/\A\d+\z/)
    return false if (now - timestamp.to_i).abs > TOLERANCE_S

    signed = "#{id}.#{timestamp}.".b + body.b
    key_bytes = key.sub(/\Awh(sec|pk)_/, '').unpack1('m')
    raise ArgumentError, 'the key is empty' if key_bytes.empty?
    return signatures.split.any? { |text| fits_public_key?(key_bytes, text, signed) } if key.start_with?('whpk_')

    expected = "v1,#{[OpenSSL::HMAC.digest('SHA256', key_bytes, signed)].pack('m0')}"
    signatures.split.any? { |text| OpenSSL.secure_compare(expected, text) }
  end

  def fits_public_key?(key_bytes, text, signed)
    signature = text[%r{\Av1a,([A-Za-z0-9+/]{86}==)\z}, 1] or return false
    OpenSSL::PKey.read(ED25519_PREFIX + key_bytes).verify(nil, signature.unpack1('m'), signed)
  end

  # Profile basekit. secret: the whole text, "whsec_" and all. signature: X-Delivery-Hmac-SHA256.
  def genuine_hmac?(secret, signature, body)
    raise ArgumentError, 'the secret is empty' if secret.empty?

    OpenSSL.secure_compare(OpenSSL::HMAC.hexdigest('SHA256', secret, body), signature)
  end
end
