import type { CheckId } from '@nomyo/attest'

/** Question that each check answers, for people. */
export const CHECK_QUESTIONS: Readonly<Record<CheckId, string>> = {
  'evidence.shape': 'Did the machine send complete evidence?',
  'quote.parse': 'Can the signed statement be read to its last byte?',
  'signature.parse': 'Can the signature be read to its last byte?',
  'ak.parse': 'Can the key that signed be read to its last byte?',
  'quote.magic': 'Does the statement bear the mark of a TPM? (It is worth as much as the key.)',
  'quote.type': 'Is it a statement about the boot of the machine?',
  'ak.attributes':
    'Does the key that signed say that it never leaves its TPM, and signs nothing else?',
  'ak.strength': 'Is the key that signed strong enough?',
  'ak.point': 'Is the key that signed a valid one?',
  'signature.scheme': 'Was it signed with the scheme of its key?',
  'signature.valid': 'Does the signature match the statement?',
  nonce: 'Was the statement made for this very request, and not recorded earlier?',
  'pcr.selection': 'Does the statement cover every measurement that your policy requires?',
  'pcr.digest': 'Are these measurements the ones that were signed?',
  'pcr.bank': 'Were the measurements taken with a hash that is still secure?',
  'pcr.policy': 'Do the measurements have the values that your policy expects?',
  'ak.name': 'Does the key that signed have the name that was endorsed?',
  'ak.trust': 'Does an authority that your policy trusts endorse the key that signed?',
  clock: 'Has the machine run without a restart since the last check?',
  firmware: 'Is the firmware of the TPM allowed by your policy, and unchanged?',
  freshness: 'Did the evidence arrive in time?',
  binding: 'Does the statement endorse the key that your messages are encrypted to?',
  eventlog: 'Does the log of the boot explain the measurements?',
  ima: 'Does the log of started programs explain the measurements?',
  'ak.certificate.chain':
    'Was the certificate of the key issued under a root that your policy trusts?',
  'ak.certificate.validity': 'Is the certificate of the key valid today?',
  'ak.certificate.eku': 'Was the certificate made for keys of this kind?',
  'ak.certificate.leaf': 'Is the certificate that of a key, and not of an issuer?',
  'ak.certificate.key': 'Is the certificate for the key that signed?',
}
