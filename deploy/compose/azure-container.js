// Creates the blob container "backups" in Azurite, by the REST call "Create
// Container" with a Shared Key signature. One that exists already is fine.
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

const [host, port, account, container, keyFile] = process.argv.slice(2);
const key = Buffer.from(fs.readFileSync(keyFile, 'utf8').trim(), 'base64');
const date = new Date().toUTCString();
const version = '2021-12-02';
const toSign = ['PUT', '', '', '', '', '', '', '', '', '', '', '',
  `x-ms-date:${date}`, `x-ms-version:${version}`,
  `/${account}/${account}/${container}`, 'restype:container'].join('\n');
const signature = crypto.createHmac('sha256', key).update(toSign, 'utf8').digest('base64');

const request = http.request({
  host, port, method: 'PUT', path: `/${account}/${container}?restype=container`,
  headers: {
    'x-ms-date': date, 'x-ms-version': version, 'Content-Length': 0,
    Authorization: `SharedKey ${account}:${signature}`,
  },
}, (response) => {
  let body = '';
  response.on('data', (chunk) => { body += chunk; });
  response.on('end', () => {
    const there = response.statusCode === 201 || response.statusCode === 409;
    console.log(there ? `container ${container} is there` : `${response.statusCode}: ${body}`);
    process.exit(there ? 0 : 1);
  });
});
request.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
request.end();
