# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Asks docs/verify/verify.rb; see check.
require_relative '../../docs/verify/verify'

$stdin.each_line(chomp: true) do |line|
  scheme, key, now, id, timestamp, signature, body = line.split('|', -1)
  given = { 'webhook-id' => id, 'webhook-timestamp' => timestamp, 'webhook-signature' => signature }
  headers = given.reject { |_, value| value == '-' }
  bytes = body.unpack1('m0')
  answer = if scheme == 'basekit'
             Webhook.genuine_hmac?(key, signature, bytes)
           else
             Webhook.genuine?(key, headers, bytes, now: now.to_i)
           end
  puts answer ? 'yes' : 'no'
rescue ArgumentError, OpenSSL::OpenSSLError
  puts 'error'
end
