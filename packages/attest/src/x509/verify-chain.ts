import { requireObject } from '../arguments.js'
import { PolicyError, TpmParseError } from '../attest-error.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import type { TpmtPublic } from '../structures/public.js'
import { tryParse } from '../structures/reader.js'
import type { CertificateCheck, Endorsement } from '../trust/anchor.js'
import { parseCertificate, type Certificate } from './certificate.js'
import { EMPTY_NAME } from './name.js'
import { MAX_INTERMEDIATES, findPath, type Issuers } from './path.js'
import { certificateDer, type EncodedCertificate } from './pem.js'
import { isKeyOf } from './public-key.js'

/** Certificate of a key, with the certificates from it to the roots of the caller. */
export interface CertificateChain {
  /** The key's own certificate. May come from the server: a bad one fails, it never throws. */
  readonly leaf: EncodedCertificate
  /** Certificates of intermediate CAs, in any order, at most 8. May come from the server likewise. */
  readonly intermediates?: readonly EncodedCertificate[] | undefined
  /** The caller's own trust anchors. Without one no certificate is trusted. */
  readonly roots: readonly EncodedCertificate[]
}

/** Requirements on a certificate for one kind of TPM key. */
export interface Profile {
  /** For the codes and texts. */
  readonly kind: 'AK' | 'EK'
  /** OIDs in hex, one of which extKeyUsage must have. */
  readonly purposes: readonly string[]
  /** OID in hex of an extension that the certificate must have; it then needs no extKeyUsage. */
  readonly extension?: string | undefined
  /** Bits of which keyUsage must have one, where the extension exists. */
  readonly keyUsage: (key: TpmtPublic) => number
}

/**
 * Creates the endorsement function of one certificate, which endorses a key only if all five checks
 * pass.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for roots that are not a list of certificates
 */
export function certificateEndorser(
  chain: CertificateChain,
  profile: Profile,
): (key: TpmtPublic, now: Date | undefined) => Promise<Endorsement> {
  requireObject(chain, 'the chain')
  const roots = readRoots(chain.roots)
  const leaf = parse(chain.leaf)
  const { intermediates, note } = readIntermediates(chain.intermediates ?? [])
  return async (key, now) => {
    const certificate =
      leaf instanceof TpmParseError
        ? allMalformed(leaf)
        : await verifyChain(leaf, { intermediates, roots }, note, profile, key, now)
    return endorsement(profile.kind, certificate)
  }
}

type Verdicts = Readonly<Record<CertificateCheck, Verdict>>

async function verifyChain(
  leaf: Certificate,
  issuers: Issuers,
  note: string,
  profile: Profile,
  key: TpmtPublic,
  now: Date | undefined,
): Promise<Verdicts> {
  const time = now?.getTime()
  // A CA may have an expired certificate beside a current one, for the same key.
  const current = issuers.intermediates.filter((certificate) => isValidAt(certificate, time))
  const path =
    (await findPath(leaf, { ...issuers, intermediates: current }, profile.purposes)) ??
    (await findPath(leaf, issuers, profile.purposes))
  return {
    chain: checkPath(path, issuers.roots, note),
    validity: checkValidity(path ?? [leaf], time),
    eku: isForPurpose(leaf, profile)
      ? pass('CERTIFICATE_PURPOSE', `it is for a TPM ${profile.kind}`)
      : fail('CERTIFICATE_OTHER_PURPOSE', `it is not for a TPM ${profile.kind}`),
    leaf: checkLeaf(leaf, profile.keyUsage(key)),
    key: isKeyOf(leaf.key, key)
      ? pass('CERTIFICATE_KEY', `its key is this ${profile.kind}`)
      : fail('CERTIFICATE_OTHER_KEY', `its key is not this ${profile.kind}`),
  }
}

function isForPurpose({ extensions }: Certificate, { purposes, extension }: Profile): boolean {
  if (extension !== undefined && !extensions.present.includes(extension)) return false
  return (
    extensions.purposes?.some((purpose) => purposes.includes(purpose)) ?? extension !== undefined
  )
}

function checkPath(
  path: readonly Certificate[] | undefined,
  roots: readonly Certificate[],
  note: string,
): Verdict {
  if (roots.length === 0) return fail('CERTIFICATE_NO_ROOTS', 'the policy has no root')
  if (path !== undefined) {
    return pass('CERTIFICATE_TRUSTED', `${path.length} signatures lead from it to a trusted root`)
  }
  return fail('CERTIFICATE_UNTRUSTED', `no path leads from it to a trusted root${note}`)
}

function checkValidity(path: readonly Certificate[], time: number | undefined): Verdict {
  if (time === undefined) {
    return fail('CERTIFICATE_NO_TIME', 'the policy has no time to check its validity at')
  }
  return path.every((certificate) => isValidAt(certificate, time))
    ? pass('CERTIFICATE_CURRENT', 'it is valid now, like every certificate on its path')
    : fail('CERTIFICATE_NOT_CURRENT', 'it, or one on its path, has expired or is not valid yet')
}

function isValidAt({ notBefore, notAfter }: Certificate, time = NaN): boolean {
  return notBefore <= time && time <= notAfter
}

function checkLeaf({ extensions, subject }: Certificate, requiredUsage: number): Verdict {
  const { isCa, keyUsage = requiredUsage, alternativeName } = extensions
  if (isCa) return fail('CERTIFICATE_IS_CA', 'its key may sign certificates')
  if ((keyUsage & requiredUsage) === 0) {
    return fail('CERTIFICATE_KEY_USAGE', 'its keyUsage forbids the use of this key')
  }
  // Without a subject the subjectAltName has to name the subject. The make of a TPM is the one form
  // that is understood here, and a critical extension has to be understood.
  const needsTpm = subject === EMPTY_NAME || alternativeName?.critical === true
  return needsTpm && alternativeName?.namesTpm !== true
    ? fail('CERTIFICATE_SUBJECT', 'its subjectAltName does not state the make of a TPM')
    : pass('CERTIFICATE_LEAF', 'it is not that of a CA, and names its subject')
}

function endorsement(kind: Profile['kind'], certificate: Verdicts): Endorsement {
  const causes = Object.entries(certificate).filter(([, { status }]) => status !== 'pass')
  // One cause for all checks: its reason is worth more than their list.
  const malformed = causes.find(([, { code }]) => code === MALFORMED)?.[1].detail
  const list = causes.map(([id, { code }]) => `${id} ${code}`).join(', ')
  return causes.length === 0
    ? {
        trust: 'endorsed',
        code: `${kind}_CERTIFIED`,
        detail: 'a path leads from its certificate to a trusted root',
        certificate,
      }
    : {
        trust: 'unendorsed',
        code: `${kind}_CERTIFICATE_REFUSED`,
        detail: `its certificate fails: ${malformed ?? list}`,
        certificate,
      }
}

const MALFORMED = 'CERTIFICATE_MALFORMED'

function allMalformed({ message }: TpmParseError): Verdicts {
  const verdict = fail(MALFORMED, message)
  return { chain: verdict, validity: verdict, eku: verdict, leaf: verdict, key: verdict }
}

function readRoots(roots: unknown): readonly Certificate[] {
  if (!Array.isArray(roots)) throw new PolicyError('roots must be a list of certificates')
  return roots.map((root: unknown, index) => {
    const certificate = parse(root)
    if (certificate instanceof TpmParseError) {
      throw new PolicyError(`roots[${index}]: ${certificate.message}`)
    }
    return certificate
  })
}

/** Reads intermediates. Unreadable ones are ignored; a path that needs them fails, with the note of their reason. */
function readIntermediates(given: unknown): {
  readonly intermediates: readonly Certificate[]
  readonly note: string
} {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  const intermediates: Certificate[] = []
  const notes: string[] = []
  for (const [index, encoded] of list.slice(0, MAX_INTERMEDIATES).entries()) {
    const certificate = parse(encoded)
    if (certificate instanceof TpmParseError) {
      notes.push(`; intermediates[${index}]: ${certificate.message}`)
    } else intermediates.push(certificate)
  }
  const tooMany = list.length - MAX_INTERMEDIATES
  if (tooMany > 0) notes.push(`; ${tooMany} of the intermediates are beyond the limit of 8`)
  return { intermediates, note: notes.join('') }
}

function parse(encoded: unknown): Certificate | TpmParseError {
  return tryParse(() => parseCertificate(certificateDer(encoded)))
}
