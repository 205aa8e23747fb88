import { SecurityError, type KnownServersStore } from '@nomyo/client'
import { describeOutcome, question, type Scene } from '../scene.js'

/** An answer that an attacker changes. */
export async function showTampering({
  client,
  model,
  tap,
  output,
  section,
  check,
}: Scene): Promise<void> {
  section('An attack: one bit of an answer changed on the network path')
  tap.tamperWithNextAnswer()
  const outcome = await client.create(question(model)).catch((error: unknown) => error)
  output.line(`   result   ${describeOutcome(outcome)}`)
  check(
    outcome instanceof SecurityError && outcome.code === 'ERR_DECRYPTION_FAILED',
    'the tampered answer was refused, and none of it was used',
  )
}

/** An attacker that says the gateway speaks wire 1 only. */
export async function showDowngrade(scene: Scene, known: KnownServersStore): Promise<void> {
  const { newClient, model, tap, output, section, check } = scene
  section('An attack: the path claims that the gateway has no wire 2')
  tap.forget()
  tap.denyWire2()
  const client = newClient({ knownServers: known })
  const outcome = await client.create(question(model)).catch((error: unknown) => error)
  output.line(`   result   ${describeOutcome(outcome)}`)
  check(
    outcome instanceof SecurityError &&
      outcome.code === 'ERR_WIRE_DOWNGRADE' &&
      !tap.recorded.toGateway.includes('POST '),
    'the client knows better, and sends nothing on the weaker wire',
  )
}
