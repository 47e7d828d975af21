//! Passwords that people choose, in the places where they write them: no form gives them away.
#![cfg(not(feature = "switched-off"))]

use modelstat_redact::{Floor, redact};

/// Texts with a password at `{}`.
const TOLD: &[&str] = &[
    // Pairs of a name and a value.
    "env:\n  - name: DB_PASSWORD\n    value: {}\n",
    "env:\n  - name: DB_PASSWORD\n    value: \"{}\"\n",
    r#"{"name": "DB_PASSWORD", "value": "{}"}"#,
    r#"[{"Key":"admin-password","Value":"{}"}]"#,
    "{\n  \"name\": \"adminPassword\",\n  \"value\": \"{}\"\n}",
    r#""{\"name\":\"DB_PASSWORD\",\"value\":\"{}\"}""#,
    r#""{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"{}\"\n}""#,
    // Markup.
    r#"<add key="SmtpPassword" value="{}" />"#,
    r#"<property name="connection.password">{}</property>"#,
    r#"<input type="password" value="{}">"#,
    "<password><![CDATA[{}]]></password>",
    r#"<wsse:Password Type="text">{}</wsse:Password>"#,
    // Calls and lists of arguments.
    r#"source.setPassword("{}");"#,
    "config.set_password('{}')",
    "define('DB_PASSWORD', '{}');",
    r#"os.Setenv("DB_PASSWORD", "{}")"#,
    r#"System.setProperty("javax.net.ssl.keyStorePassword", "{}");"#,
    r#"setattr(settings, "password", "{}")"#,
    r#"args: ["--password", "{}"]"#,
    r#"requests.get(url, auth=("jane", "{}"))"#,
    r#"$password = ConvertTo-SecureString "{}" -AsPlainText -Force"#,
    // Commands.
    "mysql -u root -p{} shop",
    "mysqldump -h host -p'{}' shop > shop.sql",
    "sshpass -p '{}' ssh root@host",
    "sshpass -p {} ssh root@host",
    "docker login -u jane -p {} registry.example.com",
    "redis-cli -h host -a {} ping",
    "ldapsearch -D cn=admin -w {}",
    "zip -P {} all.zip file",
    "7z x -p{} all.7z",
    "keytool -storepass {} -list",
    "tool --password {} run",
    "git config user.password {}",
    // Files of settings.
    "machine api.example.com login jane password {}",
    "machine api.example.com\n  login jane\n  password {}",
    "requirepass {}",
    "username admin password 0 {}",
    "ENV DB_PASSWORD {}",
    "setenv DB_PASSWORD {}",
    "password: |\n  {}\n",
    "password: >-\n    {}\n",
    "root:{}@tcp(127.0.0.1:3306)/shop",
    "sqlplus scott/{}@shop",
    "jdbc:oracle:thin:scott/{}@//host:1521/shop",
    // Tables and prose.
    "| password | {} |",
    "| Password | `{}` |",
    "- **Password:** {}",
    "Password (production): {}",
    "use the password {} to log in",
    "my password's {}",
    "The password for the server is {}",
    "The root password has been changed to \"{}\"",
    "Das Passwort lautet {}",
    // Other languages.
    "mot de passe : {}",
    "contraseña: {}",
    "senha: {}",
    "Wachtwoord: {}",
    "hasło: {}",
    "lösenord: {}",
    "Пароль: {}",
    "密码: {}",
    "密码：{}",
    "パスワード：{}",
    "비밀번호: {}",
];

/// What speaks of passwords and holds none.
const HARMLESS: &[&str] = &[
    "pass `remaining_input` to `decode()`",
    "you can pass spec=True, or bypass it",
    "the class `AES256GCM` and the address 0x1234",
    "the password is hashed with argon2id before it is stored",
    "hash the password with sha256 and compare it",
    "the password must have at least 8 characters",
    "password reset link, password policy, password manager",
    "{\"name\": \"password\", \"type\": \"string\", \"required\": true}",
    "{\"name\": \"DB_PASSWORD\", \"value\": \"${DB_PASSWORD}\"}",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: shop\n",
    "(\"username\", \"password\", \"email\")",
    "{\"text\":\"my-password\",\"cookie_12345\":\"x\"}",
    "[\"my password \",null,1234567]",
    "{\"my password \":null,\"b\":1}",
    "{\"A_TOKEN=\":[1,2,3,4,5,6,7,8]}",
    "[\"password \" , 1e50, 2e70, \"x\"]",
    "[\"run mysql -p\",null,1234567]",
    "fields = ['username', 'password', 'password2']",
    "{\"password\": \"Must be at least 8 characters\"}",
    "<label for=\"password\">Enter it twice</label>",
    "getPassword()",
    "mkdir -p target/debug && cp -a one two",
    "mysql -p shop",
    "ps aux | grep -w 12345",
    "a - paragraph - with dashes",
    "the phrase: to be or not to be, that is the question",
    "他说：hello world123",
];

#[test]
fn passwords_are_hidden_wherever_they_are_told() {
    let passwords = ["hunter2day", "Xk9#mQ2vLp", "s3cur3Pass"];
    let mut lost = Vec::new();
    for carrier in TOLD {
        for password in passwords {
            let text = carrier.replace("{}", password);
            let redacted = redact(&text);
            // What names the secret stays.
            let expected = carrier.replace("{}", "[REDACTED:env_secret]");
            let is_named = redacted.text == expected || redacted.findings.len() == 1;
            if redacted.text.contains(password) || !is_named {
                lost.push(redacted.text.into_owned());
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn what_speaks_of_passwords_stays() {
    let touched: Vec<_> =
        HARMLESS.iter().map(|text| redact(text)).filter(|redacted| !redacted.is_clean()).collect();
    assert!(touched.is_empty(), "{touched:#?}");
}

#[test]
fn passwords_of_several_words_are_hidden_whole() {
    for (before, password, after) in [
        ("password = \"", "correct Horse 7battery", "\""),
        ("DB_PASSWORD='", "one tw0fold three", "'"),
        ("passphrase: ", "correct horse battery staple", "\n"),
        (
            "seed phrase: ",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            ".",
        ),
        (
            "{\"mnemonic\": \"",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "\"}",
        ),
        ("password: ", "abc&def1ghi", "\n"),
        ("password: ", "abc;def1ghi,j", "\n"),
    ] {
        let redacted = redact(&format!("{before}{password}{after}")).text.into_owned();
        assert_eq!(redacted, format!("{before}[REDACTED:env_secret]{after}"));
    }
}

#[test]
fn json_around_a_mention_stays_json() {
    let list = |text: &str| {
        serde_json::from_str::<Vec<serde_json::Value>>(text).map_or(0, |values| values.len())
    };
    for carrier in TOLD {
        for cut in 0..=carrier.len() {
            let Some(text) = carrier.replace("{}", "hunter2day").get(..cut).map(str::to_owned)
            else {
                continue;
            };
            for spaced in [", ", ","] {
                let value = serde_json::Value::from(text.as_str()).to_string();
                let array = ["[", &value, "null", "1e50", &value, "{}]"]
                    .join(spaced)
                    .replacen(spaced, "", 1);
                assert_eq!(list(&array), 5);
                assert_eq!(list(&redact(&array).text), 5, "{array} became {}", redact(&array).text);
            }
        }
    }
}

#[test]
fn a_pair_over_two_lines_is_one_in_pieces_too() {
    for carrier in TOLD {
        let text = format!("first line\n{}\nlast line", carrier.replace("{}", "hunter2day"));
        for length in [1, 2, 7] {
            let mut redactor = Floor::built_in().redactor();
            let mut output = Vec::new();
            for piece in text.as_bytes().chunks(length) {
                redactor.push(piece, &mut output);
                redactor.settle(&mut output);
            }
            let findings = redactor.finish(&mut output);
            let whole = redact(&text);
            assert_eq!(String::from_utf8_lossy(&output), whole.text);
            assert!(!findings.is_empty() || whole.is_clean());
        }
    }
}
