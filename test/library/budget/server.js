import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.end('hello\n');
  if (request.url === '/quit') {
    server.close();
    server.closeAllConnections();
  }
});
server.listen(Number(process.argv[2]), '127.0.0.1');
