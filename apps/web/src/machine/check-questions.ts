import type { CheckId } from '@nomyo/attest'

/** What every check asks, for people. */
export const CHECK_QUESTIONS: Readonly<Record<CheckId, string>> = {
  'evidence.shape': 'Did the machine send complete evidence?',
  'quote.parse': 'Can the signed statement be read to its last byte?',
  'signature.parse': 'Can the signature be read to its last byte?',
  'ak.parse': 'Can the key that signed be read to its last byte?',
  'quote.magic':
    'Does the statement bear the mark that TPMs give their own? (It is worth what the key is.)',
  'quote.type': 'Is the statement about what the machine booted?',
  'ak.attributes':
    'Does the key that signed say that it never leaves its TPM, and signs nothing else?',
  'ak.strength': 'Is the key that signed strong enough?',
  'ak.point': 'Is the key that signed a sound one?',
  'signature.scheme': 'Was it signed in the way its key is made for?',
  'signature.valid': 'Does the signature fit the statement?',
  nonce: 'Was the statement made for this very request, and not recorded earlier?',
  'pcr.selection': 'Does the statement cover everything your policy asks about?',
  'pcr.digest': 'Are the measurements shown the ones that were signed?',
  'pcr.bank': 'Were the measurements taken with a hash that is still sound?',
  'pcr.policy': 'Are the measurements the ones your policy expects?',
  'ak.name': 'Is the name of the key that signed the one it must have?',
  'ak.trust': 'Does somebody your policy trusts vouch for the key that signed?',
  clock: 'Has the machine run without a restart since it was last looked at?',
  firmware: 'Is the firmware of the TPM one your policy allows, and still the same?',
  freshness: 'Did the evidence come in time?',
  binding: 'Does the statement vouch for the key your messages are sealed for?',
  eventlog: 'Does the log of the start explain the measurements?',
  ima: 'Does the log of the programs that were started explain the measurements?',
  'ak.certificate.chain': 'Was the certificate of the key issued under a root your policy trusts?',
  'ak.certificate.validity': 'Is the certificate of the key valid today?',
  'ak.certificate.eku': 'Was the certificate made for keys of this kind?',
  'ak.certificate.leaf': 'Is the certificate that of a key, and not of an issuer?',
  'ak.certificate.key': 'Is the certificate about the key that signed?',
}
