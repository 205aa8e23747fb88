import { eavesdrop, findIn } from '../eavesdropper.js'
import { startPlainModelServer } from '../plain-model-server.js'
import { API_KEY, PROMPT, question, type Scene } from '../scene.js'
import { startWireTap } from '../wire-tap.js'

/** The question without encryption, as it is behind a load balancer that ends TLS. */
export async function showPlainHttp({ model, output, section, check }: Scene): Promise<void> {
  const { line, style } = output
  section('Without it: what is read where TLS ends')
  const server = await startPlainModelServer()
  const tap = await startWireTap()
  try {
    tap.connectTo(server.port)
    const response = await fetch(`${tap.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify(question(model)),
    })
    await response.arrayBuffer()
    for (const text of eavesdrop(tap.recorded)) line(style.quiet(text))
    const { toGateway, toClient } = tap.recorded
    check(
      [toGateway, toClient].every((recorded) => findIn(recorded, PROMPT) === 'plain') &&
        findIn(toGateway, API_KEY) === 'plain',
      'an eavesdropper reads prompt, answer and API key, word for word',
    )
  } finally {
    server.close()
    await tap.close()
  }
}
