//! `createUser`, `updateUser`, `deleteUser`, `getUser`, `listUser` and `copyUser`.

use bytes::Bytes;
use common::fastjson;
use remoting::{
    headers::auth::{
        CreateUserRequestHeader, DeleteUserRequestHeader, GetUserRequestHeader, ListUsersRequestHeader,
        UpdateUserRequestHeader,
    },
    request::{AuthCreateUser, AuthDeleteUser, AuthGetUser, AuthListUser, AuthUpdateUser},
};

use super::UserInfo;
use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    java,
    report::{Column, Report, Table, row},
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "createUser",
        Category::Auth,
        "Create user to cluster.",
        &[
            cluster_name("create user to which cluster").choice(),
            broker_addr("create user to which broker").choice(),
            Opt::value("u", "username", "the username of user to create.").required(),
            Opt::value("p", "password", "the password of user to create").required(),
            Opt::value("t", "userType", "the userType of user to create"),
        ],
        |context| Box::pin(create(context)),
    ),
    Spec::new(
        "updateUser",
        Category::Auth,
        "Update user to cluster.",
        &[
            cluster_name("update user to which cluster").choice(),
            broker_addr("update user to which broker").choice(),
            Opt::value("u", "username", "the username of user to update.").required(),
            Opt::value("p", "password", "the password of user to update"),
            Opt::value("t", "userType", "the userType of user to update"),
            Opt::value("s", "userStatus", "the userStatus of user to update"),
        ],
        |context| Box::pin(update(context)),
    ),
    Spec::new(
        "deleteUser",
        Category::Auth,
        "Delete user from cluster.",
        &[
            cluster_name("delete user from which cluster").choice(),
            broker_addr("delete user from which broker").choice(),
            Opt::value("u", "username", "the username of user to delete.").required(),
        ],
        |context| Box::pin(delete(context)),
    )
    .harm("deletes a user"),
    Spec::new(
        "getUser",
        Category::Auth,
        "Get user from cluster.",
        &[
            broker_addr("get user for which broker").choice(),
            cluster_name("get user for specified cluster").choice(),
            Opt::value("u", "username", "the username of user to get"),
        ],
        |context| Box::pin(get(context)),
    ),
    Spec::new(
        "listUser",
        Category::Auth,
        "List user from cluster.",
        &[
            broker_addr("list user for which broker").choice(),
            cluster_name("list user for specified cluster").choice(),
            Opt::value("f", "filter", "the filter to list users"),
        ],
        |context| Box::pin(list(context)),
    ),
    Spec::new(
        "copyUser",
        Category::Auth,
        "Copy user to cluster.",
        &[
            Opt::value("f", "fromBroker", "the source broker that the users copy from").required(),
            Opt::value("t", "toBroker", "the target broker that the users copy to").required(),
            Opt::value("u", "usernames", "the username list of user to copy."),
        ],
        |context| Box::pin(copy(context)),
    ),
];

const COLUMNS: &[Column] = &[
    Column::left("username", "#UserName", 16),
    Column::left("password", "#Password", 22),
    Column::left("userType", "#UserType", 22),
    Column::left("userStatus", "#UserStatus", 22),
];

fn given(context: &Context) -> UserInfo {
    let text = |option| context.get(option).map(str::to_owned);
    UserInfo {
        password: text("password"),
        user_status: None,
        user_type: text("userType"),
        username: text("username"),
    }
}

async fn create_at(context: &Context, addr: &str, user: &UserInfo) -> Result<(), AdminError> {
    let header = CreateUserRequestHeader { username: user.username.clone() };
    context.remote.ask::<AuthCreateUser>(addr, header, fastjson::to_vec(user)).await?;
    Ok(())
}

async fn update_at(context: &Context, addr: &str, user: &UserInfo) -> Result<(), AdminError> {
    let header = UpdateUserRequestHeader { username: user.username.clone() };
    context.remote.ask::<AuthUpdateUser>(addr, header, fastjson::to_vec(user)).await?;
    Ok(())
}

/// A user as a broker knows it; `None` when it knows none of that name.
async fn user_at(
    context: &Context,
    addr: &str,
    username: Option<&str>,
) -> Result<Option<UserInfo>, AdminError> {
    let header = GetUserRequestHeader { username: username.map(str::to_owned) };
    let response = context.remote.ask::<AuthGetUser>(addr, header, Bytes::new()).await?;
    super::acl::optional(addr, &response.body)
}

async fn users_at(context: &Context, addr: &str, filter: Option<&str>) -> Result<Vec<UserInfo>, AdminError> {
    let header = ListUsersRequestHeader { filter: filter.map(str::to_owned) };
    let response = context.remote.ask::<AuthListUser>(addr, header, Bytes::new()).await?;
    Ok(super::acl::optional(addr, &response.body)?.unwrap_or_default())
}

async fn create(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        create_at(context, &addr, &given(context)).await?;
        context.say(format!("create user to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

async fn update(context: &Context) -> Result<(), AdminError> {
    let user = UserInfo { user_status: context.get("userStatus").map(str::to_owned), ..given(context) };
    let changes = [&user.password, &user.user_type, &user.user_status];
    if changes.iter().filter(|change| change.is_some()).count() != 1 {
        return Err(context.usage("give one of -p, -t and -s"));
    }
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        update_at(context, &addr, &user).await?;
        context.say(format!("update user to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

async fn delete(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        let header = DeleteUserRequestHeader { username: context.get("username").map(str::to_owned) };
        context.remote.ask::<AuthDeleteUser>(&addr, header, Bytes::new()).await?;
        context.say(format!("delete user to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

fn table(users: &[UserInfo]) -> Table {
    let mut table = Table::new(COLUMNS);
    for user in users {
        table.row(row![
            java::or_null(user.username.as_ref()),
            java::or_null(user.password.as_ref()),
            java::or_null(user.user_type.as_ref()),
            java::or_null(user.user_status.as_ref()),
        ]);
    }
    table
}

async fn get(context: &Context) -> Result<(), AdminError> {
    let username = context.get("username");
    for addr in context.chosen_brokers(Reach::Masters).await? {
        if let Some(user) = user_at(context, &addr, username).await? {
            let mut report = Report::new();
            report.table("users", &table(&[user]));
            context.out.emit(report);
            return Ok(());
        }
    }
    Err(AdminError::Missing {
        what: format!("there is no user {}", username.unwrap_or_default()),
        advice: "see the users with listUser",
    })
}

async fn list(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Masters).await? {
        let users = users_at(context, &addr, context.get("filter")).await?;
        if users.is_empty() {
            continue;
        }
        let mut report = Report::new();
        report.table("users", &table(&users)).field("brokerAddr", &addr);
        if context.get("brokerAddr").is_none() {
            report.text(format_args!("get user from {addr} success.\n"));
        }
        context.out.emit(report);
        break;
    }
    Ok(())
}

async fn copy(context: &Context) -> Result<(), AdminError> {
    let (source, target) = (context.need("fromBroker")?, context.need("toBroker")?);
    let mut users = Vec::new();
    match context.get("usernames").filter(|names| !names.is_empty()) {
        Some(names) => {
            for name in names.split(',').filter(|name| !name.is_empty()) {
                users.extend(user_at(context, source, Some(name)).await?);
            }
        }
        None => users = users_at(context, source, None).await?,
    }
    for user in &users {
        let name = user.username.as_deref();
        if user_at(context, target, name).await?.is_none() {
            create_at(context, target, user).await?;
        } else {
            update_at(context, target, user).await?;
        }
        let name = name.unwrap_or("null");
        context.say(
            format!("copy user of {name} from {source} to {target} success.\n"),
            &[("username", name), ("fromBroker", source), ("toBroker", target)],
        );
    }
    Ok(())
}
