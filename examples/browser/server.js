import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const { NOMYO_BASE_URL = 'http://localhost:12435', MODEL = 'Qwen/Qwen3-0.6B', PORT } = process.env

const file = (url, type) => ({ path: fileURLToPath(new URL(url, import.meta.url)), type })

// The page, its script, and the file of the package for browsers, which imports nothing.
const files = {
  '/': file('page/index.html', 'text/html; charset=utf-8'),
  '/chat.js': file('page/chat.js', 'text/javascript'),
  '/nomyo.js': file(import.meta.resolve('nomyo-js/browser'), 'text/javascript'),
}
const settings = JSON.stringify({ baseUrl: NOMYO_BASE_URL, model: MODEL })

// Scripts come from this server alone, and requests go to it and to the gateway alone.
const policy =
  `default-src 'none'; script-src 'self'; connect-src 'self' ${new URL(NOMYO_BASE_URL).origin}; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const headers = { 'content-security-policy': policy, 'x-content-type-options': 'nosniff' }

const server = createServer(async (request, response) => {
  if (request.url === '/settings.json') {
    response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(settings)
    return
  }
  const wanted = Object.hasOwn(files, request.url) ? files[request.url] : undefined
  if (wanted === undefined) {
    response.writeHead(404, headers).end()
    return
  }
  const bytes = await readFile(wanted.path)
  response.writeHead(200, { ...headers, 'content-type': wanted.type }).end(bytes)
})

server.listen(Number(PORT ?? 3000), 'localhost', () =>
  console.log(`listening on http://localhost:${server.address().port}`),
)
process.once('SIGTERM', () => server.close())
