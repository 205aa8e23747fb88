/**
 * The most bytes a public subpath may weigh, minified, its dependencies inside, gzip -9: what a page
 * loads at once. A subpath that is not listed is a finding.
 *
 * @type {Readonly<Record<string, number>>}
 */
export const gzipBudgets = {
  '@nomyo/crypto': 8_000,
  '@nomyo/crypto/envelope': 2_300,
  '@nomyo/crypto/keys': 13_500,
  '@nomyo/crypto/keys/node': 14_000,
  '@nomyo/crypto/errors': 500,
  '@nomyo/transport': 4_000,
  '@nomyo/transport/errors': 1_000,
  '@nomyo/transport/undici': 1_700,
  '@nomyo/attest': 12_500,
  '@nomyo/attest/structures': 5_000,
  '@nomyo/attest/x509': 6_500,
  '@nomyo/attest/certify': 12_500,
  '@nomyo/attest/policy-file': 9_000,
  '@nomyo/attest/receipt': 19_000,
  '@nomyo/attest/credential': 4_000,
  '@nomyo/attest/eventlog': 9_500,
  '@nomyo/attest/ima': 9_000,
  '@nomyo/attest/errors': 1_000,
  '@nomyo/client': 20_000,
  '@nomyo/client/openai-fetch': 21_500,
  '@nomyo/client/gateway-api': 9_000,
  '@nomyo/client/known-servers': 4_600,
  '@nomyo/tpm': 11_000,
  '@nomyo/tpm/errors': 500,
  '@nomyo/testkit': 13_000,
  'nomyo-js': 20_000,
  'nomyo-js/browser': 20_000,
}

/** All JavaScript of the four layers as it is installed, without maps and types. */
export const unpackedBudget = {
  packages: ['@nomyo/crypto', '@nomyo/transport', '@nomyo/attest', '@nomyo/client'],
  bytes: 150_000,
}
