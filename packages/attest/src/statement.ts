import { checkAkAttributes } from './checks/ak-attributes.js'
import { checkAkName } from './checks/ak-name.js'
import { checkAkPoint } from './checks/ak-point.js'
import { checkAkStrength } from './checks/ak-strength.js'
import { checkAkTrust } from './checks/ak-trust.js'
import { checkClock } from './checks/clock.js'
import { checkParsed } from './checks/evidence.js'
import { checkFirmware } from './checks/firmware.js'
import { checkFreshness } from './checks/freshness.js'
import { checkNonce } from './checks/nonce.js'
import { checkQuoteMagic } from './checks/quote-magic.js'
import { checkSignatureScheme } from './checks/signature-scheme.js'
import { checkSignatureValid } from './checks/signature-valid.js'
import type { Facts } from './facts.js'
import { skip, type Verdict, type Verdicts } from './result.js'
import type { CertificateCheck } from './trust/anchor.js'
import type { Trustee } from './trust/judge.js'

/** The checks of one kind of statement: what it is about decides what they are. */
type OwnChecks =
  | 'evidence.shape'
  | 'quote.type'
  | 'binding'
  | 'eventlog'
  | 'ima'
  | (`pcr.${string}` & keyof Verdicts)

/** What holds for every statement an attestation key signs, be it a quote or a certification. */
export async function judgeStatement(
  facts: Facts,
  trustee: Trustee,
): Promise<Omit<Verdicts, OwnChecks>> {
  const certificate = (check: CertificateCheck): Verdict =>
    trustee.vouching.certificate?.[check] ??
    skip('CERTIFICATE_NOT_GIVEN', 'no certificate of the key was given')
  return {
    'quote.parse': checkParsed('attested structure', facts.quote),
    'signature.parse': checkParsed('signature', facts.signature),
    'ak.parse': checkParsed('attestation key', facts.ak),
    'quote.magic': checkQuoteMagic(facts),
    'ak.attributes': checkAkAttributes(facts),
    'ak.strength': checkAkStrength(facts),
    'ak.point': checkAkPoint(facts),
    'signature.scheme': checkSignatureScheme(facts),
    'signature.valid': await checkSignatureValid(facts),
    nonce: checkNonce(facts),
    'ak.name': checkAkName(facts, trustee),
    'ak.trust': checkAkTrust(facts, trustee),
    clock: checkClock(facts),
    firmware: checkFirmware(facts),
    freshness: checkFreshness(facts),
    'ak.certificate.chain': certificate('chain'),
    'ak.certificate.validity': certificate('validity'),
    'ak.certificate.eku': certificate('eku'),
    'ak.certificate.leaf': certificate('leaf'),
    'ak.certificate.key': certificate('key'),
  }
}
