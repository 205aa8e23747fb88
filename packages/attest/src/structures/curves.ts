import { toBigInt } from '../bytes/hex.js'
import { TPM_ECC_CURVE } from './constants.js'

/** NIST curve in short Weierstrass form, y² = x³ − 3x + b over the integers mod p (SP 800-186, 3.2.1). */
export interface Curve {
  /** WebCrypto's name of the curve. */
  readonly name: 'P-256' | 'P-384' | 'P-521'
  /** Size of a coordinate in bytes. */
  readonly size: number
  readonly p: bigint
  readonly b: bigint
}

const CURVES: Readonly<Record<number, Curve>> = {
  [TPM_ECC_CURVE.NIST_P256]: {
    name: 'P-256',
    size: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8_aa3a93e7_b3ebbd55_769886bc_651d06b0_cc53b0f6_3bce3c3e_27d2604bn,
  },
  [TPM_ECC_CURVE.NIST_P384]: {
    name: 'P-384',
    size: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7_e23ee7e4_988e056b_e3f82d19_181d9c6e_fe814112_0314088f_5013875a_c656398d_8a2ed19d_2a85c8ed_d3ec2aefn,
  },
  [TPM_ECC_CURVE.NIST_P521]: {
    name: 'P-521',
    size: 66,
    p: 2n ** 521n - 1n,
    b: 0x0051_953eb961_8e1c9a1f_929a21a0_b68540ee_a2da725b_99b315f3_b8b48991_8ef109e1_56193951_ec7e937b_1652c0bd_3bb1bf07_3573df88_3d2c34f1_ef451fd4_6b503f00n,
  },
}

/** Looks up a curve by its TPM_ECC_CURVE; returns undefined for an unknown one. */
export function curveOf(curveId: number): Curve | undefined {
  return CURVES[curveId]
}

/**
 * Tests whether big-endian coordinates are those of a point on the curve. Infinity has no coordinates;
 * (0, 0) is on none of these curves.
 */
export function isOnCurve({ p, b }: Curve, x: Uint8Array, y: Uint8Array): boolean {
  const [bigX, bigY] = [toBigInt(x), toBigInt(y)]
  if (bigX >= p || bigY >= p) return false
  return (bigY * bigY - (bigX * bigX * bigX - 3n * bigX + b)) % p === 0n
}
