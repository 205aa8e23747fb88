// A worker: settings come as the body of a request, outcomes go as that of the answer.
import { runSuites } from '../suites/case.js'
import { allSuites, type Settings } from '../suites/suites.js'
import { libraries } from './libraries.js'

// eslint-disable-next-line no-restricted-syntax -- what workerd looks for
export default {
  async fetch(request: Request): Promise<Response> {
    const settings = (await request.json()) as Settings
    return Response.json(await runSuites(allSuites(libraries, settings)))
  },
}
