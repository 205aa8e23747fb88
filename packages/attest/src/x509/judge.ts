import { PolicyError, TpmParseError } from '../errors.js'
import { fail, pass, type Verdict } from '../result.js'
import type { TpmtPublic } from '../structures/public.js'
import type { CertificateCheck, Vouching } from '../trust/anchor.js'
import { EMPTY_NAME, parseCertificate, type Certificate } from './certificate.js'
import { findPath, type Issuers } from './path.js'
import { certificateDer, type EncodedCertificate } from './pem.js'
import { isKeyOf } from './public-key.js'

/** A certificate, and what leads from it to the caller's anchors. */
export interface CertificateChain {
  /** The key's own certificate. May come from the server: it fails, it never throws. */
  readonly leaf: EncodedCertificate
  /** Certificates of the CAs between, in any order, at most 8. May come from the server likewise. */
  readonly intermediates?: readonly EncodedCertificate[] | undefined
  /** The caller's own anchors. Without one no certificate is believed. */
  readonly roots: readonly EncodedCertificate[]
}

/** What a certificate must be, to be one of a kind of TPM key. */
export interface Profile {
  /** For the codes and texts. */
  readonly kind: 'AK' | 'EK'
  /** OID in extKeyUsage, in hex. */
  readonly purpose: string
  /** The bit keyUsage must have, where the extension is there. */
  readonly keyUsage: (key: TpmtPublic) => number
}

const MAX_INTERMEDIATES = 8

/**
 * Makes a judge of one certificate. All five checks have to pass before it vouches for a key.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for roots that are no list of certificates
 */
export function createJudge(
  chain: CertificateChain,
  profile: Profile,
): (key: TpmtPublic, now: Date | undefined) => Promise<Vouching> {
  const roots = readRoots(chain.roots)
  const leaf = tryParse(chain.leaf)
  const { intermediates, unusable } = readIntermediates(chain.intermediates ?? [])
  return async (key, now) => {
    const certificate =
      leaf instanceof TpmParseError
        ? allMalformed(leaf)
        : await judge(leaf, { intermediates, roots }, unusable, profile, key, now)
    return vouching(profile.kind, certificate)
  }
}

type Verdicts = Readonly<Record<CertificateCheck, Verdict>>

async function judge(
  leaf: Certificate,
  issuers: Issuers,
  unusable: number,
  profile: Profile,
  key: TpmtPublic,
  now: Date | undefined,
): Promise<Verdicts> {
  const time = now?.getTime()
  // A CA may have a certificate that has expired beside one that has not, for the same key.
  const current = issuers.intermediates.filter((certificate) => isValidAt(certificate, time))
  const path =
    (await findPath(leaf, { ...issuers, intermediates: current }, profile.purpose)) ??
    (await findPath(leaf, issuers, profile.purpose))
  return {
    chain: judgeChain(path, issuers.roots, unusable),
    validity: judgeValidity(path ?? [leaf], time),
    eku:
      leaf.extensions.purposes?.includes(profile.purpose) === true
        ? pass('CERTIFICATE_PURPOSE', `it is for a TPM ${profile.kind}`)
        : fail('CERTIFICATE_OTHER_PURPOSE', `it is not for a TPM ${profile.kind}`),
    leaf: judgeLeaf(leaf, profile.keyUsage(key)),
    key: isKeyOf(leaf.key, key)
      ? pass('CERTIFICATE_KEY', `its key is this ${profile.kind}`)
      : fail('CERTIFICATE_OTHER_KEY', `its key is not this ${profile.kind}`),
  }
}

function judgeChain(
  path: readonly Certificate[] | undefined,
  roots: readonly Certificate[],
  unusable: number,
): Verdict {
  if (roots.length === 0) return fail('CERTIFICATE_NO_ROOTS', 'there is no root to believe it by')
  if (path !== undefined) {
    return pass('CERTIFICATE_TRUSTED', `${path.length} signatures lead from it to a root given`)
  }
  const note = unusable > 0 ? `; ${unusable} of the intermediates are unreadable or too many` : ''
  return fail('CERTIFICATE_UNTRUSTED', `no way leads from it to a root given${note}`)
}

function judgeValidity(path: readonly Certificate[], time: number | undefined): Verdict {
  if (time === undefined) {
    return fail('CERTIFICATE_NO_TIME', 'without a time to judge by, it may have expired')
  }
  return path.every((certificate) => isValidAt(certificate, time))
    ? pass('CERTIFICATE_CURRENT', 'it is valid now, like every certificate on the way')
    : fail('CERTIFICATE_NOT_CURRENT', 'it has expired or is not valid yet, or one on the way is')
}

function isValidAt({ notBefore, notAfter }: Certificate, time = NaN): boolean {
  return notBefore <= time && time <= notAfter
}

function judgeLeaf({ extensions, subject }: Certificate, wantedUsage: number): Verdict {
  const { isCa, keyUsage = wantedUsage, alternativeName } = extensions
  if (isCa) return fail('CERTIFICATE_IS_CA', 'its key may sign certificates')
  if ((keyUsage & wantedUsage) === 0) {
    return fail('CERTIFICATE_KEY_USAGE', 'its keyUsage forbids what this key does')
  }
  // Without a subject the subjectAltName has to say whose key it is. The make of a TPM is the one
  // kind that is understood here, and a critical one has to be understood.
  const needsTpm = subject === EMPTY_NAME || alternativeName?.critical === true
  return needsTpm && alternativeName?.namesTpm !== true
    ? fail('CERTIFICATE_SUBJECT', 'its subjectAltName does not state the make of a TPM')
    : pass('CERTIFICATE_LEAF', 'it is no CA, and says whose key it is')
}

function vouching(kind: Profile['kind'], certificate: Verdicts): Vouching {
  const causes = Object.entries(certificate).filter(([, { status }]) => status !== 'pass')
  return causes.length === 0
    ? {
        trust: 'endorsed',
        code: `${kind}_CERTIFIED`,
        detail: 'a certificate for it leads to a root given',
        certificate,
      }
    : {
        trust: 'unendorsed',
        code: `${kind}_CERTIFICATE_REFUSED`,
        detail: `its certificate fails: ${causes.map(([id, { code }]) => `${id} ${code}`).join(', ')}`,
        certificate,
      }
}

function allMalformed({ message }: TpmParseError): Verdicts {
  const verdict = fail('CERTIFICATE_MALFORMED', message)
  return { chain: verdict, validity: verdict, eku: verdict, leaf: verdict, key: verdict }
}

function readRoots(roots: unknown): readonly Certificate[] {
  if (!Array.isArray(roots)) throw new PolicyError('roots must be a list of certificates')
  return roots.map((root: unknown, index) => {
    const certificate = tryParse(root)
    if (certificate instanceof TpmParseError) {
      throw new PolicyError(`roots[${index}]: ${certificate.message}`)
    }
    return certificate
  })
}

/** Those that cannot be read lead nowhere; what they were needed for fails. */
function readIntermediates(given: unknown): {
  readonly intermediates: readonly Certificate[]
  readonly unusable: number
} {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  const read = list.slice(0, MAX_INTERMEDIATES).map(tryParse)
  const intermediates = read.filter((one): one is Certificate => !(one instanceof TpmParseError))
  return { intermediates, unusable: list.length - intermediates.length }
}

function tryParse(encoded: unknown): Certificate | TpmParseError {
  try {
    return parseCertificate(certificateDer(encoded))
  } catch (error) {
    if (error instanceof TpmParseError) return error
    throw error
  }
}
