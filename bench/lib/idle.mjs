// Keep-alive connections that were used once and then lie idle.
import { once } from 'node:events';
import { connect } from 'node:net';

export async function idle(url, count) {
  const { hostname, port } = new URL(url);
  const sockets = [];
  const open = async () => {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await once(socket, 'data');
  };
  for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: Math.min(100, count - i) }, open));
  return {
    open: () => sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open').length,
    close: async () => sockets.forEach((socket) => socket.destroy()),
  };
}
