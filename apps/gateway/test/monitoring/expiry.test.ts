import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseKeyStatement } from '@nomyo/crypto/wire-2'
import { isInstalled, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { metric, metricsUrl } from '../measure.js'
import { get, testGateway } from '../support.js'

const END = 'nomyo_certificate_expiry_timestamp_seconds'
const DUE = 'nomyo_server_key_rotation_due_timestamp_seconds'

/** Makes a certificate that is valid for some days, and its key. */
function makeCertificate(
  folder: string,
  days: number,
): { cert: string; key: string; ends: number } {
  const [cert, key] = [join(folder, `${days}.crt`), join(folder, `${days}.key`)]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'].concat(
      ...['-days', String(days), '-subj', '/CN=a.example', '-keyout', key, '-out', cert],
    ),
    { stdio: 'ignore' },
  )
  return { cert, key, ends: Date.parse(new X509Certificate(readFileSync(cert)).validTo) / 1000 }
}

describe('metrics of what expires', () => {
  it.skipIf(!isInstalled('openssl'))('name the end of the certificate that is served', async () => {
    const folder = temporaryFolder()
    const [first, second] = [makeCertificate(folder, 3), makeCertificate(folder, 90)]
    const served = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
    const serve = ({ cert, key }: typeof first): void => {
      copyFileSync(cert, served.cert)
      copyFileSync(key, served.key)
    }
    serve(first)
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--metrics-port', '0'].concat(
        ...['--tls-cert', served.cert, '--tls-key', served.key],
      ),
    })
    expect(await metric(gateway, END)).toBe(first.ends)
    // Renewed, and not served yet.
    serve(second)
    expect(await metric(gateway, END)).toBe(first.ends)
    await gateway.reload()
    expect(await metric(gateway, END)).toBe(second.ends)
  })

  it('name the times of the key statement', async () => {
    const args = ['--engine', 'demo', '--metrics-port', '0']
    const gateway = await testGateway({ args })
    const { bytes } = await get(gateway, '/pki/wire2')
    const { notBefore, notAfter } = await parseKeyStatement(bytes, { now: Date.now() / 1000 })
    expect(await metric(gateway, 'nomyo_request_keys_used_from_timestamp_seconds')).toBe(notBefore)
    expect(await metric(gateway, 'nomyo_key_statement_expiry_timestamp_seconds')).toBe(notAfter)
  })

  it('name the time for which the next server key is scheduled', async () => {
    const before = Date.now() / 1000
    const args = ['--engine', 'demo', '--metrics-port', '0', '--key-rotation', '30d']
    const due = await metric(await testGateway({ args }), DUE)
    // The folder of the test is new, and so is its key.
    expect(due).toBeGreaterThan(before + 29 * 86_400)
    expect(due).toBeLessThan(Date.now() / 1000 + 31 * 86_400)
  })

  it('have no sample where nothing expires', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    const text = await (await fetch(metricsUrl(gateway))).text()
    expect(text).toContain(`# TYPE ${END} gauge`)
    expect(text).not.toMatch(new RegExp(`^(?:${END}|${DUE}) `, 'm'))
    expect(await metric(gateway, 'nomyo_heap_limit_bytes')).toBeGreaterThan(2 ** 27)
  })
})
