import {
  TPMA_OBJECT,
  TPM_ALG,
  TPM_ECC_CURVE,
  TPM_GENERATED_VALUE,
  TPM_ST,
  type TpmsAttest,
  type TpmtPublic,
  type TpmtSignature,
} from '@nomyo/attest/structures'

/** Values by their names in the TPM 2.0 specification, in its order. */
export type Fields = Readonly<Record<string, string>>

/** Describes a TPMS_ATTEST. */
export function describeAttest(attest: TpmsAttest, length: number): Fields {
  const { magic, typeId, clockInfo, attested } = attest
  return {
    form: length === attest.signedBytes.length ? 'TPMS_ATTEST' : 'TPM2B_ATTEST',
    magic: `${number(magic)} ${magic === TPM_GENERATED_VALUE ? '(TPM_GENERATED_VALUE)' : '(NOT TPM_GENERATED_VALUE)'}`,
    type: named(typeId, TPM_ST),
    qualifiedSigner: hex(attest.qualifiedSigner),
    extraData: hex(attest.extraData),
    'clockInfo.clock': `${clockInfo.clock} ms`,
    'clockInfo.resetCount': String(clockInfo.resetCount),
    'clockInfo.restartCount': String(clockInfo.restartCount),
    'clockInfo.safe': clockInfo.safe ? 'YES' : 'NO',
    firmwareVersion: `0x${attest.firmwareVersion.toString(16)}`,
    ...describeAttested(attested),
  }
}

function describeAttested(attested: TpmsAttest['attested']): Fields {
  switch (attested.type) {
    case 'quote':
      return {
        ...Object.fromEntries(
          attested.pcrSelect.map(({ hash, hashId, pcrs }, index) => [
            `pcrSelect[${index}]`,
            `${hash ?? number(hashId)}: ${pcrs.join(', ') || '(none)'}`,
          ]),
        ),
        pcrDigest: hex(attested.pcrDigest),
      }
    case 'certify':
      return { name: hex(attested.name), qualifiedName: hex(attested.qualifiedName) }
    case 'creation':
      return { objectName: hex(attested.objectName), creationHash: hex(attested.creationHash) }
    case 'other':
      return { attested: hex(attested.bytes) }
  }
}

/** Describes a TPMT_SIGNATURE. */
export function describeSignature(signature: TpmtSignature): Fields {
  return {
    sigAlg: signature.scheme,
    hash: signature.hash ?? number(signature.hashId),
    ...(signature.scheme === 'ECDSA'
      ? { signatureR: hex(signature.r), signatureS: hex(signature.s) }
      : { sig: hex(signature.signature) }),
  }
}

/** Describes a TPMT_PUBLIC. */
export function describePublic(key: TpmtPublic): Fields {
  const { symmetric, scheme } = key
  return {
    type: key.type,
    nameAlg: named(key.nameAlg, TPM_ALG),
    objectAttributes: `${number(key.objectAttributes)} ${attributes(key.objectAttributes)}`,
    authPolicy: hex(key.authPolicy),
    symmetric:
      symmetric === undefined
        ? 'NULL'
        : `${named(symmetric.algorithm, TPM_ALG)} ${symmetric.keyBits} ${named(symmetric.mode, TPM_ALG)}`,
    scheme:
      scheme === undefined
        ? 'NULL'
        : `${named(scheme.id, TPM_ALG)}${scheme.hashId === undefined ? '' : ` ${named(scheme.hashId, TPM_ALG)}`}`,
    ...(key.type === 'RSA'
      ? { keyBits: String(key.keyBits), exponent: String(key.exponent), unique: hex(key.modulus) }
      : {
          curveID: named(key.curveId, TPM_ECC_CURVE),
          'unique.x': hex(key.x),
          'unique.y': hex(key.y),
        }),
  }
}

/** Formats bytes as hex. */
export function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? '(empty)' : Buffer.from(bytes).toString('hex')
}

function attributes(bits: number): string {
  const set = Object.entries(TPMA_OBJECT).filter(([, bit]) => (bits & bit) !== 0)
  const reserved = set.reduce((left, [, bit]) => left & ~bit, bits)
  const names = set.map(([name]) => name)
  return [...names, ...(reserved === 0 ? [] : [`reserved ${number(reserved >>> 0)}`])].join(' ')
}

function named(id: number, names: Readonly<Record<string, number>>): string {
  const name = Object.entries(names).find(([, value]) => value === id)?.[0]
  return name === undefined ? number(id) : `${number(id)} ${name}`
}

function number(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}
